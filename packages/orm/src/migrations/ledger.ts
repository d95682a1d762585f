import type { EntityMetadata, FilterQuery } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import { lastKnownVersion, type StoredTenant, toTenant } from '../central/stored-tenant.ts';
import type { TenantEntity } from '../central/tenant-entity.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema } from '../entities/entity-scope.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/** Which tenants are meant. */
export interface LedgerFilter {
  readonly server?: string;
  /** Leaves those out that are on these. */
  readonly otherThan?: readonly string[];
  /** Ids; `*` stands for any characters. */
  readonly tenants?: readonly string[];
  /** Leaves those out that central believes to have this version. */
  readonly except?: string;
}

/** What central believes of its tenants' migrations: the index of a fleet, whose truth is each tenant's own log. */
export interface Ledger {
  /** Streams tenants whose storage is whole, in the order of their ids. */
  tenants(filter: LedgerFilter): AsyncIterable<StoredTenant>;
  count(filter: LedgerFilter): Promise<number>;
  /** The SQL that writes down which version these tenants have. */
  recording(ids: readonly string[], version: string): string;
  /** Writes it down. */
  record(ids: readonly string[], version: string): Promise<void>;
}

/** How a question is put. */
type Ask = <R>(work: () => Promise<R>) => Promise<R>;

const page = 500;

/** A tenant whose storage is whole, so that it can be migrated. */
const migratable = ['active', 'suspended', 'maintenance', 'archived'];

/** `ask` is what central is asked through. */
export function centralLedger(
  fork: () => TenantEntityManager,
  meta: EntityMetadata<TenantEntity>,
  ask: Ask = (work) => work(),
): Ledger {
  function where({ server, otherThan, tenants, except }: LedgerFilter, after?: string): FilterQuery<TenantEntity> {
    const all = [
      { status: { $in: migratable } },
      ...(server === undefined ? [] : [{ placement: { server } }]),
      ...(otherThan === undefined ? [] : [{ placement: { server: { $nin: otherThan } } }]),
      ...(tenants === undefined ? [] : [{ $or: tenants.map(matching) }]),
      ...(except === undefined ? [] : [{ schemaVersion: { $ne: except } }]),
      ...(after === undefined ? [] : [{ id: { $gt: after } }]),
    ];
    return { $and: all } as never;
  }
  const column = (property: 'id' | 'schemaVersion') => quoteName(meta.properties[property].fieldNames[0] as string);
  const recording = (ids: readonly string[], version: string): string =>
    `update ${quoteName(centralSchema)}.${quoteName(meta.tableName)} set ${column('schemaVersion')} = ${quoteText(version)} ` +
    `where ${column('id')} in (${ids.map(quoteText).join(', ')})`;

  return {
    async *tenants(filter) {
      let after: string | undefined;
      do {
        const selection = where(filter, after);
        const found = await ask(() => fork().find(meta.class, selection, { orderBy: { id: 'asc' }, limit: page }));
        for (const entity of found) {
          const tenant = toTenant<Tenant>(entity, meta);
          yield { tenant, version: lastKnownVersion(tenant) };
        }
        after = found.length === page ? found.at(-1)?.id : undefined;
      } while (after !== undefined);
    },
    count: (filter) => ask(() => fork().count(meta.class, where(filter))),
    recording,
    record: async (ids, version) => {
      await ask(() => fork().execute(recording(ids, version)));
    },
  };
}

function matching(pattern: string) {
  return pattern.includes('*')
    ? { id: { $like: pattern.replaceAll(/[%_\\]/g, '\\$&').replaceAll('*', '%') } }
    : { id: pattern };
}
