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
import type { Admin, AdminSession } from './admin.ts';
import { centralAudit } from './central-audit.ts';
import { changesSince, recordChange } from './central-changes.ts';
import { centralLeases, holderOf } from './central-leases.ts';
import { centralOperations } from './central-operations.ts';
import { centralSearch } from './central-search.ts';
import { now } from './central-tables.ts';
import { centralUsage } from './central-usage.ts';
import { centralRedemptions } from './token-redemptions.ts';

/** How many tenants are read at a time. */
const pageSize = 500;

/** Tenants, domains and all that is recorded of them, in a database of MariaDB. */
export function centralStore(admin: Admin): TenantStore {
  /** One at a time changes tenants and domains, so that the numbers of changes have the order of commits. */
  function change<R>(work: (session: AdminSession) => Promise<R>): Promise<R> {
    return admin.transaction(async (session) => {
      await session.get('select one from counter where one = 1 for update');
      return work(session);
    });
  }

  return {
    find: (id) => tenantIn(admin, id),

    async findByDomain(host) {
      const row = await admin.get<TenantRow>(
        'select tenant.* from domain join tenant on tenant.id = domain.tenant_id where host = ?',
        host,
      );
      return row && toTenantOf(row);
    },

    async *all({ status, isolation } = {}) {
      for (let after = ''; ; ) {
        const rows = await admin.all<TenantRow>(
          `select * from tenant where id > ? and status = coalesce(?, status) and isolation = coalesce(?, isolation) order by id limit ${pageSize}`,
          after,
          status ?? null,
          isolation ?? null,
        );
        for (const row of rows) yield toTenantOf(row);
        if (rows.length < pageSize) return;
        after = rows.at(-1)?.id ?? '';
      }
    },

    insert: (draft, domains) => change((session) => insertTenant(session, draft, domains)),
    update: (id, to, from, fence) => change((session) => updateTenant(session, id, to, from, fence)),

    delete: (id, fence) =>
      change(async (session) => {
        await requireFence(session, id, fence);
        if ((await session.run('delete from tenant where id = ?', id)) > 0)
          await recordChange(session, { kind: 'removed', tenant: id });
      }),

    async domains(id) {
      const rows = await admin.all<DomainRow>(
        'select host, tenant_id, is_primary from domain where tenant_id = ? order by host',
        id,
      );
      return rows.map(({ host, tenant_id, is_primary }) => ({ host, tenantId: tenant_id, primary: is_primary === 1 }));
    },

    addDomain: (domain) =>
      change(async (session) => {
        await requireTenant(session, domain.tenantId);
        await addDomain(session, domain);
      }),

    removeDomain: (tenantId, host) =>
      change(async (session) => {
        const removed = await session.run('delete from domain where host = ? and tenant_id = ?', host, tenantId);
        if (removed > 0) await recordChange(session, { kind: 'domain', host });
        return removed > 0;
      }),

    async existing({ ids, hosts }) {
      return {
        ids: await among(admin, 'select id as name from tenant where id in (?)', ids),
        hosts: await among(admin, 'select host as name from domain where host in (?)', hosts),
      };
    },

    changes: (since) => changesSince(admin, since),
    leases: centralLeases(admin),
    search: centralSearch(admin),
    audit: centralAudit(admin),
    operations: centralOperations(admin),
    usage: centralUsage(admin),
    redemptions: centralRedemptions(admin),
  };
}

interface DomainRow {
  readonly host: string;
  readonly tenant_id: string;
  readonly is_primary: number;
}

async function insertTenant(session: AdminSession, draft: TenantDraft, domains: readonly Domain[]): Promise<Tenant> {
  const { id, name, status, isolation, placement, config, ...own } = draft;
  refuseOwnColumns(id, own);
  if (await tenantIn(session, id)) throw tenantExists(id);
  const moment = await nextMoment(session);
  await session.run(
    'insert into tenant (id, name, status, isolation, placement, config, created_at, updated_at, folded) values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[id, name, status, isolation, JSON.stringify(placement), JSON.stringify(config)],
    ...[moment, moment, foldedText(id, name)],
  );
  await recordChange(session, { kind: 'changed', tenant: id, updatedAt: moment });
  for (const domain of domains) await addDomain(session, domain);
  return requireTenant(session, id);
}

async function updateTenant(
  session: AdminSession,
  id: string,
  change: TenantChange,
  from: readonly TenantStatus[] | undefined,
  fence: WriteFence | undefined,
): Promise<Tenant> {
  await requireFence(session, id, fence);
  const tenant = await requireTenant(session, id);
  const { name, status, placement, config, retainUntil, ...own } = change;
  refuseOwnColumns(id, own);
  if (from !== undefined && !from.includes(tenant.status)) throw transitionRefused(tenant, from);
  const next = tenantSnapshot({ ...tenant, ...withoutUndefined({ name, status, placement, config, retainUntil }) });
  await session.run(
    `update tenant set name = ?, status = ?, placement = ?, config = ?, retain_until = ?, updated_at = greatest(updated_at + 1, ${now}),
     folded = ? where id = ?`,
    ...[next.name, next.status, JSON.stringify(next.placement), JSON.stringify(next.config)],
    ...[next.retainUntil?.getTime() ?? null, foldedText(id, next.name), id],
  );
  const changed = await requireTenant(session, id);
  await recordChange(session, { kind: 'changed', tenant: id, updatedAt: changed.updatedAt.getTime() });
  return changed;
}

/** A moment that no tenant was made in, so that an incarnation is never another's, whatever the clock does. */
async function nextMoment(session: AdminSession): Promise<number> {
  await session.run(`update counter set last_moment = greatest(last_moment + 1, ${now}) where one = 1`);
  const row = await session.get<{ last_moment: number }>('select last_moment from counter where one = 1');
  return row?.last_moment as number;
}

async function addDomain(session: AdminSession, domain: Domain): Promise<void> {
  const { host, tenantId, primary } = domain;
  if (await session.get('select 1 from domain where host = ?', host)) throw domainTaken(domain);
  if (primary) await session.run('update domain set is_primary = 0 where tenant_id = ?', tenantId);
  const values = [host, tenantId, Number(primary)];
  await session.run('insert into domain (host, tenant_id, is_primary) values (?, ?, ?)', ...values);
  await recordChange(session, { kind: 'domain', host });
}

async function tenantIn(session: AdminSession, id: string): Promise<Tenant | undefined> {
  const row = await session.get<TenantRow>('select * from tenant where id = ?', id);
  return row && toTenantOf(row);
}

async function requireTenant(session: AdminSession, id: string): Promise<Tenant> {
  const tenant = await tenantIn(session, id);
  if (tenant === undefined) throw unknownTenant(id);
  return tenant;
}

async function requireFence(session: AdminSession, id: string, fence: WriteFence | undefined): Promise<void> {
  if (fence === undefined) return;
  const holder = fence.holder === undefined ? undefined : await holderOf(session, id);
  checkFence(id, { tenant: await tenantIn(session, id), holder }, fence);
}

async function among(session: AdminSession, query: string, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  return (await session.all<{ name: string }>(query, names)).map(({ name }) => name);
}

function withoutUndefined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
