import { type EntityMetadata, type FilterQuery, raw } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import type { Placement } from '@omnitenant/core/extend';
import { columnOf, tableOf } from '../central/entity-tables.ts';
import { lastKnownVersion, type StoredTenant, toTenant } from '../central/stored-tenant.ts';
import type { TenantEntity } from '../central/tenant-entity.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { versionOf } from './version.ts';

/** Selects tenants. */
export interface LedgerFilter {
  readonly server?: string | undefined;
  /** Leaves out tenants on these servers. */
  readonly otherThan?: readonly string[] | undefined;
  /** Ids; `*` stands for any characters. */
  readonly tenants?: readonly string[] | undefined;
  /** Ids and patterns of tenants to leave out. */
  readonly skip?: readonly string[] | undefined;
  /** Only tenants that share the tables of this placement. */
  readonly sharing?: Placement | undefined;
  /** Leaves out tenants that have this version, as central believes. */
  readonly except?: string | undefined;
}

/** What central believes about its tenants' migrations: an index of the fleet. The truth is each tenant's own log. */
export interface Ledger {
  /** Streams tenants with complete storage, in the order of their ids. */
  tenants(filter: LedgerFilter): AsyncIterable<StoredTenant>;
  count(filter: LedgerFilter): Promise<number>;
  /** A tenant that has migrations, as central believes. */
  anyMigrated(): Promise<StoredTenant | undefined>;
  /** The ids of so many tenants, spread over all of them, and the same each time. */
  sample(filter: LedgerFilter, count: number): Promise<readonly string[]>;
  /** Whether a tenant is still there, with complete storage. */
  has(tenant: Incarnation): Promise<boolean>;
  /** The SQL that records the version of these tenants, and of none that has been given an id of theirs since. */
  recording(tenants: readonly Incarnation[], version: string): string;
  record(tenants: readonly Incarnation[], version: string): Promise<void>;
}

/** What tells a tenant from another of the same id. */
export type Incarnation = Pick<Tenant, 'id' | 'createdAt'>;

/** Runs a query on central. */
type Ask = <R>(work: () => Promise<R>) => Promise<R>;

const pageSize = 500;

/** The states of a tenant with complete storage. */
export const migratable: readonly string[] = ['active', 'suspended', 'maintenance', 'archived'];

export function centralLedger(
  fork: () => TenantEntityManager,
  meta: EntityMetadata<TenantEntity>,
  ask: Ask = (work) => work(),
): Ledger {
  function where(
    { server, otherThan, tenants, skip = [], sharing, except }: LedgerFilter,
    after?: string,
  ): FilterQuery<TenantEntity> {
    const all: object[] = [{ status: { $in: [...migratable] } }];
    if (server !== undefined) all.push({ placement: { server } });
    if (otherThan !== undefined) all.push({ placement: { server: { $nin: otherThan } } });
    if (tenants !== undefined) all.push({ $or: tenants.map(matching) });
    if (skip.length > 0) all.push({ $not: { $or: skip.map(matching) } });
    if (sharing !== undefined) all.push({ isolation: 'row', placement: sharing });
    if (except !== undefined) all.push({ schemaVersion: { $ne: except } });
    if (after !== undefined) all.push({ id: { $gt: after } });
    return { $and: all } as never;
  }

  const column = (property: 'id' | 'createdAt' | 'schemaVersion') => columnOf(meta, property);

  function recording(tenants: readonly Incarnation[], version: string): string {
    return (
      `update ${tableOf(meta)} set ${column('schemaVersion')} = ${quoteText(version)} ` +
      `where (${column('id')}, ${column('createdAt')}) in (${tenants.map(valuesOf).join(', ')})`
    );
  }

  return {
    async *tenants(filter) {
      let after: string | undefined;
      do {
        const selection = where(filter, after);
        const readAt = performance.now();
        const found = await ask(() => fork().find(meta.class, selection, { orderBy: { id: 'asc' }, limit: pageSize }));
        for (const entity of found) {
          const tenant = toTenant<Tenant>(entity, meta);
          yield { tenant, version: lastKnownVersion(tenant), readAt };
        }
        after = found.length === pageSize ? found.at(-1)?.id : undefined;
      } while (after !== undefined);
    },
    async anyMigrated() {
      const some = { schemaVersion: { $nin: ['', versionOf([])] } } as FilterQuery<TenantEntity>;
      const [entity] = await ask(() => fork().find(meta.class, some, { limit: 1 }));
      if (!entity) return undefined;
      const tenant = toTenant<Tenant>(entity, meta);
      return { tenant, version: lastKnownVersion(tenant), readAt: performance.now() };
    },
    sample: async (filter, count) => {
      if (count === 0) return [];
      const orderBy = { [raw((alias) => `md5(${quoteName(alias)}.${column('id')})`)]: 'asc' };
      const found = await ask(() =>
        fork().find(meta.class, where(filter), { orderBy: orderBy as never, limit: count }),
      );
      return found.map(({ id }) => id);
    },
    count: (filter) => ask(() => fork().count(meta.class, where(filter))),
    recording,
    has: async ({ id, createdAt }) => {
      const own = { id, createdAt, status: { $in: [...migratable] } } as FilterQuery<TenantEntity>;
      return (await ask(() => fork().count(meta.class, own))) > 0;
    },
    record: async (tenants, version) => {
      await ask(() => fork().execute(recording(tenants, version)));
    },
  };
}

function valuesOf({ id, createdAt }: Incarnation): string {
  return `(${quoteText(id)}, ${quoteText(createdAt.toISOString())}::timestamptz)`;
}

function matching(pattern: string) {
  if (!pattern.includes('*')) return { id: pattern };
  return { id: { $like: pattern.replaceAll(/[%_\\]/g, '\\$&').replaceAll('*', '%') } };
}
