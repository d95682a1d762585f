import type { EntityMetadata, FilterQuery } from '@mikro-orm/core';
import type { Domain } from '@omnitenant/core';
import {
  type ClaimDraft,
  type DomainClaims,
  type DomainTerms,
  domainLeft,
  domainTaken,
  domainUnclaimed,
  type StoredClaim,
  tenantOutdated,
} from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { domainClaimTable, formerDomainTable } from './internal-tables.ts';
import type { DomainEntity, TenantEntity } from './tenant-entity.ts';

/** The parts of the claims. */
export interface CentralClaimsOptions {
  /** Runs a statement in central. */
  readonly execute: <Row extends object>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>;
  /** Runs work in a transaction of central. */
  readonly write: <R>(work: (em: TenantEntityManager) => Promise<R>) => Promise<R>;
  /** Locks a tenant's record. Throws TENANT_UNKNOWN, or TENANT_OUTDATED for another incarnation. */
  readonly lock: (em: TenantEntityManager, id: string, fence: { createdAt: Date }) => Promise<TenantEntity>;
  readonly domain: EntityMetadata<DomainEntity>;
}

/** A tenant that gets a domain: one that is there, or is being made. */
type Owner = Pick<TenantEntity, 'id' | 'createdAt'>;

const columns = `host, tenant, created_at, token, is_primary, state, missed, problem, claimed_at, checked_at, verified_at`;

/** Claims to domains, in central. */
export function centralDomainClaims({ execute, write, lock, domain }: CentralClaimsOptions): DomainClaims {
  async function find(tenantId: string, host: string): Promise<StoredClaim | undefined> {
    const where = 'host = ? and tenant = ?';
    const [row] = await execute<ClaimRow>(`select ${columns} from ${domainClaimTable} where ${where}`, [
      host,
      tenantId,
    ]);
    return row && claimOf(row);
  }

  return {
    find,

    add: (draft, unusedSince) =>
      write(async (em) => {
        const owner = await lock(em, draft.tenantId, { createdAt: draft.tenantCreatedAt });
        const earlier = await em.execute<ClaimRow[]>(
          `select ${columns} from ${domainClaimTable} where host = ? and tenant = ?`,
          [draft.host, draft.tenantId],
        );
        if (earlier[0]) return claimOf(earlier[0]);
        const taken = await em.findOne(domain.class, { host: draft.host } as FilterQuery<DomainEntity>);
        if (taken && taken.tenantId !== draft.tenantId) throw domainTaken(draft);
        await refuseLately(em, [draft], owner, unusedSince);
        return insert(em, draft);
      }),

    async page({ tenant, host, state, uncheckedSince, after, limit }) {
      const asked = { tenant, host, state };
      const given = Object.entries(asked).filter(([, value]) => value !== undefined);
      const conditions = given.map(([column]) => `${column} = ?`);
      const values: unknown[] = given.map(([, value]) => value);
      if (uncheckedSince !== undefined) {
        conditions.push('(checked_at is null or checked_at <= ?)');
        values.push(uncheckedSince);
      }
      if (after !== undefined) {
        conditions.push('(host, tenant) > (?, ?)');
        values.push(after.host, after.tenantId);
      }
      const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
      const rows = await execute<ClaimRow>(
        `select ${columns} from ${domainClaimTable} ${where} order by host, tenant limit ?`,
        [...values, limit],
      );
      return rows.map(claimOf);
    },

    async check({ host, tenantId, token, checkedAt: readAt }, { state, missed, problem, checkedAt }) {
      const at = checkedAt ?? null;
      const rows = await execute<ClaimRow>(
        `update ${domainClaimTable} set state = ?, missed = ?, problem = ?, checked_at = ?::timestamptz,
           verified_at = coalesce(verified_at, case when ? = 'verified' then ?::timestamptz end)
         where host = ? and tenant = ? and token = ? and checked_at is not distinct from ?::timestamptz returning ${columns}`,
        [state, missed, problem ?? null, at, state, at, host, tenantId, token, readAt ?? null],
      );
      return rows[0] && claimOf(rows[0]);
    },

    async remove(tenantId, host) {
      const removed = await execute(`delete from ${domainClaimTable} where host = ? and tenant = ? returning host`, [
        host,
        tenantId,
      ]);
      return removed.length > 0;
    },

    async forget(host) {
      return (await execute(`delete from ${formerDomainTable} where host = ? returning host`, [host])).length > 0;
    },
  };
}

/** Keeps the terms of domains that were just added, in the transaction that adds them. */
export async function keepTerms(
  em: TenantEntityManager,
  domains: readonly Domain[],
  owner: Owner,
  { unusedSince, claim }: DomainTerms,
): Promise<void> {
  if (unusedSince !== undefined) await refuseLately(em, domains, owner, unusedSince);
  if (claim === undefined) return;
  if (claim.tenantCreatedAt.getTime() !== owner.createdAt.getTime()) throw tenantOutdated(owner.id);
  const proved = await em.execute<object[]>(
    `update ${domainClaimTable} set state = 'verified', missed = 0, problem = null,
       checked_at = date_trunc('milliseconds', clock_timestamp()), verified_at = date_trunc('milliseconds', clock_timestamp())
     where host = ? and tenant = ? and token = ? returning host`,
    [claim.host, claim.tenantId, claim.token],
  );
  if (proved.length === 0) throw domainUnclaimed(claim);
}

/** Remembers who has had hosts, and forgets their claims. Those of longer ago than any cooling-off are forgotten. */
export async function recordFormerDomains(
  em: TenantEntityManager,
  { id, createdAt }: Owner,
  hosts: readonly string[],
): Promise<void> {
  const named = JSON.stringify(hosts);
  await em.execute(
    `with claim as (delete from ${domainClaimTable} where tenant = ? and host = any(array(select json_array_elements_text(?::json)))),
     outdated as (delete from ${formerDomainTable} where left_at < now() - interval '366 days')
     insert into ${formerDomainTable} (host, tenant, created_at, left_at)
     select json_array_elements_text(?::json), ?, ?, clock_timestamp()
     on conflict (host, tenant, created_at) do update set left_at = excluded.left_at`,
    [id, named, named, id, createdAt],
  );
}

/** Forgets the claims of a tenant that is gone. */
export async function forgetClaims(em: TenantEntityManager, id: string): Promise<void> {
  await em.execute(`delete from ${domainClaimTable} where tenant = ?`, [id]);
}

async function refuseLately(
  em: TenantEntityManager,
  domains: readonly Pick<Domain, 'host' | 'tenantId'>[],
  { id, createdAt }: Owner,
  unusedSince: Date,
): Promise<void> {
  if (domains.length === 0) return;
  const [former] = await em.execute<{ host: string }[]>(
    `select host from ${formerDomainTable} where host = any(array(select json_array_elements_text(?::json))) and left_at > ?
       and not (tenant = ? and created_at = ?) limit 1`,
    [JSON.stringify(domains.map(({ host }) => host)), unusedSince, id, createdAt],
  );
  if (former !== undefined) throw domainLeft({ host: former.host, tenantId: id });
}

async function insert(em: TenantEntityManager, draft: ClaimDraft): Promise<StoredClaim> {
  const { host, tenantId, tenantCreatedAt, token, primary, claimedAt } = draft;
  const rows = await em.execute<ClaimRow[]>(
    `insert into ${domainClaimTable} (host, tenant, created_at, token, is_primary, claimed_at) values (?, ?, ?, ?, ?, ?) returning ${columns}`,
    [host, tenantId, tenantCreatedAt, token, primary, claimedAt],
  );
  return claimOf(rows[0] as ClaimRow);
}

interface ClaimRow {
  readonly host: string;
  readonly tenant: string;
  readonly created_at: string | Date;
  readonly token: string;
  readonly is_primary: boolean;
  readonly state: StoredClaim['state'];
  readonly missed: number;
  readonly problem: StoredClaim['problem'] | null;
  readonly claimed_at: string | Date;
  readonly checked_at: string | Date | null;
  readonly verified_at: string | Date | null;
}

function claimOf(row: ClaimRow): StoredClaim {
  return {
    ...{ host: row.host, tenantId: row.tenant, token: row.token, primary: row.is_primary },
    ...{ tenantCreatedAt: new Date(row.created_at), state: row.state, missed: Number(row.missed) },
    ...(row.problem !== null && { problem: row.problem }),
    claimedAt: new Date(row.claimed_at),
    ...(row.checked_at !== null && { checkedAt: new Date(row.checked_at) }),
    ...(row.verified_at !== null && { verifiedAt: new Date(row.verified_at) }),
  };
}
