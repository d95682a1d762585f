import type { Domain, Tenant, TenantStatus } from '@omnitenant/core';
import {
  domainTaken,
  type TenantChange,
  type TenantDraft,
  type TenantStore,
  tenantExists,
  tenantSnapshot,
  transitionRefused,
  unknownTenant,
  type WriteFence,
} from '@omnitenant/core/extend';
import { checkFence, foldedText, refuseOwnColumns, type TenantRow, toTenantOf } from '@omnitenant/orm/extend';
import type { CentralFile, CentralSession } from './central-file.ts';
import { fileAudit } from './tenant-audit.ts';
import { changesSince, recordChange } from './tenant-changes.ts';
import { fileLeases, holderOf } from './tenant-leases.ts';
import { fileOperations } from './tenant-operations.ts';
import { fileSearch } from './tenant-search.ts';
import { fileUsage } from './tenant-usage.ts';
import { fileRedemptions } from './token-redemptions.ts';

/** How many tenants are read at a time. */
const pageSize = 500;

/** Tenants, domains and all that is recorded of them, in a file of SQLite. */
export function fileStore(central: CentralFile): TenantStore {
  return {
    find: (id) => central.read((session) => tenantIn(session, id)),

    findByDomain: (host) =>
      central.read((session) => {
        const row = session.get<TenantRow>(
          'select tenant.* from domain join tenant on tenant.id = domain.tenant_id where host = ?',
          host,
        );
        return row && toTenantOf(row);
      }),

    async *all({ status, isolation } = {}) {
      for (let after = ''; ; ) {
        const rows = await central.read((session) =>
          session.all<TenantRow>(
            `select * from tenant where id > ? and status = coalesce(?, status) and isolation = coalesce(?, isolation) order by id limit ${pageSize}`,
            after,
            status ?? null,
            isolation ?? null,
          ),
        );
        for (const row of rows) yield toTenantOf(row);
        if (rows.length < pageSize) return;
        after = rows.at(-1)?.id ?? '';
      }
    },

    insert: (draft, domains) => central.write((session) => insertTenant(session, draft, domains)),
    update: (id, change, from, fence) => central.write((session) => updateTenant(session, id, change, from, fence)),

    delete: (id, fence) =>
      central.write((session) => {
        requireFence(session, id, fence);
        if (session.run('delete from tenant where id = ?', id) > 0)
          recordChange(session, { kind: 'removed', tenant: id });
      }),

    domains: (id) => central.read((session) => domainsOf(session, id)),

    addDomain: (domain) =>
      central.write((session) => {
        requireTenant(session, domain.tenantId);
        addDomain(session, domain);
      }),

    removeDomain: (tenantId, host) =>
      central.write((session) => {
        const isRemoved = session.run('delete from domain where host = ? and tenant_id = ?', host, tenantId) > 0;
        if (isRemoved) recordChange(session, { kind: 'domain', host });
        return isRemoved;
      }),

    existing: ({ ids, hosts }) =>
      central.read((session) => ({
        ids: among(session, 'select id as name from tenant where id in', ids),
        hosts: among(session, 'select host as name from domain where host in', hosts),
      })),

    changes: (since) => central.read((session) => changesSince(session, since)),
    leases: fileLeases(central),
    search: fileSearch(central),
    audit: fileAudit(central),
    operations: fileOperations(central),
    usage: fileUsage(central),
    redemptions: fileRedemptions(central),
  };
}

function insertTenant(session: CentralSession, draft: TenantDraft, domains: readonly Domain[]): Tenant {
  const { id, name, status, isolation, placement, config, ...own } = draft;
  refuseOwnColumns(id, own);
  if (tenantIn(session, id)) throw tenantExists(id);
  const now = nextMoment(session);
  session.run(
    'insert into tenant (id, name, status, isolation, placement, config, created_at, updated_at, folded) values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[id, name, status, isolation, JSON.stringify(placement), JSON.stringify(config), now, now, foldedText(id, name)],
  );
  recordChange(session, { kind: 'changed', tenant: id, updatedAt: now });
  for (const domain of domains) addDomain(session, domain);
  return requireTenant(session, id);
}

function updateTenant(
  session: CentralSession,
  id: string,
  change: TenantChange,
  from: readonly TenantStatus[] | undefined,
  fence: WriteFence | undefined,
): Tenant {
  requireFence(session, id, fence);
  const tenant = requireTenant(session, id);
  const { name, status, placement, config, retainUntil, ...own } = change;
  refuseOwnColumns(id, own);
  if (from !== undefined && !from.includes(tenant.status)) throw transitionRefused(tenant, from);
  const updatedAt = Math.max(Date.now(), tenant.updatedAt.getTime() + 1);
  const next = tenantSnapshot({ ...tenant, ...withoutUndefined({ name, status, placement, config, retainUntil }) });
  session.run(
    'update tenant set name = ?, status = ?, placement = ?, config = ?, retain_until = ?, updated_at = ?, folded = ? where id = ?',
    ...[next.name, next.status, JSON.stringify(next.placement), JSON.stringify(next.config)],
    ...[next.retainUntil?.getTime() ?? null, updatedAt, foldedText(id, next.name), id],
  );
  recordChange(session, { kind: 'changed', tenant: id, updatedAt });
  return requireTenant(session, id);
}

/** A moment that no tenant of this file was made in, so that an incarnation is never another's, whatever the clock does. */
function nextMoment(session: CentralSession): number {
  session.run('update clock set last = max(last + 1, ?)', Date.now());
  return session.get<{ last: number }>('select last from clock')?.last as number;
}

function addDomain(session: CentralSession, domain: Domain): void {
  const { host, tenantId, primary } = domain;
  if (session.get('select 1 from domain where host = ?', host)) throw domainTaken(domain);
  if (primary) session.run('update domain set is_primary = 0 where tenant_id = ?', tenantId);
  session.run('insert into domain (host, tenant_id, is_primary) values (?, ?, ?)', host, tenantId, Number(primary));
  recordChange(session, { kind: 'domain', host });
}

function domainsOf(session: CentralSession, id: string): Domain[] {
  const rows = session.all<{ host: string; tenant_id: string; is_primary: number }>(
    'select host, tenant_id, is_primary from domain where tenant_id = ? order by host',
    id,
  );
  return rows.map(({ host, tenant_id, is_primary }) => ({ host, tenantId: tenant_id, primary: is_primary === 1 }));
}

function tenantIn(session: CentralSession, id: string): Tenant | undefined {
  const row = session.get<TenantRow>('select * from tenant where id = ?', id);
  return row && toTenantOf(row);
}

function requireTenant(session: CentralSession, id: string): Tenant {
  const tenant = tenantIn(session, id);
  if (tenant === undefined) throw unknownTenant(id);
  return tenant;
}

function requireFence(session: CentralSession, id: string, fence: WriteFence | undefined): void {
  if (fence === undefined) return;
  checkFence(id, { tenant: tenantIn(session, id), holder: holderOf(session, id) }, fence);
}

/** The names that are there. They are sent as one JSON text, because SQLite limits the number of parameters. */
function among(session: CentralSession, query: string, names: readonly string[]): string[] {
  return session
    .all<{ name: string }>(`${query} (select value from json_each(?))`, JSON.stringify(names))
    .map(({ name }) => name);
}

function withoutUndefined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
