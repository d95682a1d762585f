import {
  type EntityData,
  type EntityMetadata,
  type EntityProperty,
  type FilterQuery,
  LockMode,
  type RawQueryFragment,
  raw,
  UniqueConstraintViolationException,
  ValidationError,
} from '@mikro-orm/core';
import { type Domain, TenancyError, type Tenant, type TenantStatus } from '@omnitenant/core';
import {
  domainTaken,
  type Placement,
  type TenantChange,
  type TenantFilter,
  type TenantStore,
  tenantChanged,
  tenantExists,
  tenantOutdated,
  transitionRefused,
  unknownTenant,
  type WriteFence,
} from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { checkReference } from '../vault/reference.ts';
import type { Vault } from '../vault/vault.ts';
import { columnsOf } from './columns-of.ts';
import { centralDomainClaims, forgetClaims, keepTerms, recordFormerDomains } from './domain-claims.ts';
import { existingNames } from './existing-names.ts';
import { recordFormer } from './former-tenants.ts';
import { refuseNested } from './record-rules.ts';
import { snapshotsInUse, toTenant } from './stored-tenant.ts';
import { centralAudit } from './tenant-audit.ts';
import { changesSince, type RecordedChange, recordChanges } from './tenant-changes.ts';
import type { DomainEntity, TenantEntity } from './tenant-entity.ts';
import { type EventDraft, eventOfDomain, eventOfEnd, eventOfStatus } from './tenant-events.ts';
import { centralLeases, keepLease } from './tenant-leases.ts';
import { centralOperations } from './tenant-operations.ts';
import { centralOutbox } from './tenant-outbox.ts';
import { type LookedUpRow, tenantRows } from './tenant-rows.ts';
import { centralSearch } from './tenant-search.ts';
import { centralUsage } from './tenant-usage.ts';
import { centralRedemptions } from './token-redemptions.ts';
import { withoutValues } from './without-values.ts';

/** The parts of the store. `fork` forks central's EntityManager, whatever the current scope. */
export interface CentralStoreOptions {
  readonly fork: () => TenantEntityManager;
  /** Resolves when central has the tables that are the orm's own. */
  readonly ready: () => Promise<unknown>;
  readonly tenant: EntityMetadata<TenantEntity>;
  readonly domain: EntityMetadata<DomainEntity>;
  /** Binds the credentials of a tenant's own server to the tenant. */
  readonly bind: Vault['bind'];
}

/** How many tenants `all` reads at a time. */
const page = 500;

/** Columns that `update` cannot change: a tenant's identity, and what the store maintains. */
const fixed = new Set(['id', 'isolation', 'schemaVersion', 'createdAt', 'updatedAt']);

/** Keeps tenants and domains in central, as entities that the application may extend with its own columns. */
export function centralStore<T extends Tenant>({
  fork,
  ready,
  tenant,
  domain,
  bind,
}: CentralStoreOptions): TenantStore<T> {
  const snapshot = (entity: TenantEntity): T => toTenant<T>(entity, tenant);
  const inUse = snapshotsInUse<T>();
  const rows = tenantRows(tenant, domain);
  const leases = centralLeases(fork, ready);
  const search = centralSearch<T>({ fork, tenant, domain });
  const audit = centralAudit(fork, ready);
  const operations = centralOperations(fork, ready);
  const usage = centralUsage(fork, ready);
  const outbox = centralOutbox((sql, parameters) => orStoreUnavailable(() => execute(sql, parameters)));
  const redemptions = centralRedemptions(fork, ready);
  const claims = centralDomainClaims({ execute, write, lock: lockExisting, domain });
  const properties = new Set<string>(tenant.props.map(({ name }) => name));
  const hiddenColumns = hiddenIn(tenant.properties);

  function checkColumns(id: string, names: Iterable<string>, forbidden: ReadonlySet<string>): void {
    for (const name of names) {
      if (properties.has(name) && !forbidden.has(name)) continue;
      throw new TenancyError('TENANT_INVALID', `Tenant "${id}" has no column "${name}" that can be set.`, {
        tenant: id,
      });
    }
  }

  async function execute<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    await ready();
    return fork().execute<Row[]>(sql, [...parameters]);
  }

  async function write<R>(work: (em: TenantEntityManager) => Promise<R>): Promise<R> {
    await ready();
    return fork().transactional((em) => work(em as TenantEntityManager));
  }

  async function bound<Held extends { readonly placement?: Placement }>(id: string, held: Held): Promise<Held> {
    const url = held.placement?.url;
    return url === undefined ? held : { ...held, placement: { ...held.placement, url: await bind(id, url) } };
  }

  /** What is related is not loaded, as only its key is in the snapshot. MikroORM's findOne would load eager relations in any case. */
  async function findWhere(em: TenantEntityManager, where: object): Promise<T | undefined> {
    const options = { populate: false, limit: 1 } as const;
    const [entity] = await em.find(tenant.class, where as FilterQuery<TenantEntity>, options);
    return entity && inUse(entity.id, columnsOf(entity, tenant), () => snapshot(entity));
  }

  function ofRow(em: TenantEntityManager, row: LookedUpRow | undefined): T | undefined {
    return row && inUse(rows.idOf(row), row, () => snapshot(rows.entityOf(em, row)));
  }

  /** The id of a host's tenant, as SQL that stands in the query for the tenant. */
  async function tenantIdOf(em: TenantEntityManager, host: string): Promise<RawQueryFragment> {
    const where = await em.applyFilters(domain.class, { host } as FilterQuery<DomainEntity>, {}, 'read');
    const query = em
      .createQueryBuilder(domain.class)
      .select('tenantId')
      .where(where as object);
    return asSql(query.toQuery());
  }

  async function lock(
    em: TenantEntityManager,
    id: string,
    { createdAt, holder, updatedAt }: WriteFence = {},
  ): Promise<TenantEntity | undefined> {
    if (holder !== undefined) await keepLease(em, id, holder);
    const entity = await em.findOne(tenant.class, { id } as FilterQuery<TenantEntity>, {
      lockMode: LockMode.PESSIMISTIC_WRITE,
      // Otherwise the application's configuration could detach the entity, and the change would not be written.
      disableIdentityMap: false,
    });
    const isOther = createdAt !== undefined && entity && entity.createdAt.getTime() !== createdAt.getTime();
    if (isOther) throw tenantOutdated(id);
    if (updatedAt !== undefined && entity && entity.updatedAt.getTime() !== updatedAt.getTime())
      throw tenantChanged(id);
    return entity ?? undefined;
  }

  async function lockExisting(em: TenantEntityManager, id: string, fence?: WriteFence): Promise<TenantEntity> {
    const entity = await lock(em, id, fence);
    if (!entity) throw unknownTenant(id);
    return entity;
  }

  async function hostsOf(em: TenantEntityManager, tenantId: string): Promise<string[]> {
    return (await em.find(domain.class, { tenantId } as FilterQuery<DomainEntity>)).map(({ host }) => host);
  }

  return {
    find: (id) =>
      orStoreUnavailable(async () => {
        const em = fork();
        return (await rows.areTenants(em)) ? ofRow(em, await rows.byId(em, id)) : findWhere(em, { id });
      }),

    findByDomain: (host) =>
      orStoreUnavailable(async () => {
        const em = fork();
        if (await rows.areTenants(em)) return ofRow(em, await rows.byHost(em, host));
        return findWhere(em, { id: { $eq: await tenantIdOf(em, host) } });
      }),

    existing: (names) => orStoreUnavailable(() => existingNames(fork(), names, { tenant, domain })),

    async *all(filter: TenantFilter = {}) {
      let after: string | undefined;
      do {
        const where = { ...filter, ...(after && { id: { $gt: after } }) } as FilterQuery<TenantEntity>;
        const entities = await orStoreUnavailable(() =>
          fork().find(tenant.class, where, { orderBy: { id: 'asc' }, limit: page }),
        );
        for (const entity of entities) yield snapshot(entity);
        after = entities.length === page ? entities.at(-1)?.id : undefined;
      } while (after);
    },

    insert: (draft, domains, terms = {}) =>
      orStoreUnavailable(async () => {
        checkColumns(draft.id, Object.keys(draft), new Set(['schemaVersion', 'createdAt', 'updatedAt']));
        refuseNested(draft.id, draft, tenant.properties);
        checkReference(draft.id, draft.placement);
        const hosts = domains.map(({ host }) => ({ kind: 'domain', host }) as const);
        const entity = await write(async (em) => {
          const created = em.create(tenant.class, (await bound(draft.id, draft)) as never);
          try {
            // The tenant first: an id that exists is refused as that, and not because its domains are taken.
            await em.persist(created).flush();
            for (const entry of domains) em.persist(em.create(domain.class, { ...entry } as never));
            await em.flush();
          } catch (error) {
            throw insertionError(draft.id, domains, error);
          }
          await keepTerms(em, domains, created, terms);
          await recordChanges(em, [changeOf(created, eventOfStatus(created)), ...hosts]);
          return created;
        });
        return snapshot(entity);
      }),

    update: (id, change: TenantChange<T>, from?: readonly TenantStatus[], fence?: WriteFence) =>
      orStoreUnavailable(async () => {
        checkColumns(id, Object.keys(change), fixed);
        refuseNested(id, change, tenant.properties);
        checkReference(id, change.placement);
        const entity = await write(async (em) => {
          const found = await lockExisting(em, id, fence);
          if (from && !from.includes(found.status)) throw transitionRefused(found, from);
          // Two changes never leave the same time, by which processes tell what they have read already.
          const updatedAt = new Date(Math.max(Date.now(), found.updatedAt.getTime() + 1));
          const { retainUntil, ...others } = await bound(id, change);
          // Where nothing is retained, nothing has to be written, which a central of an earlier version has no column for.
          const isRetained = retainUntil !== undefined && (retainUntil ?? found.retainUntil) != null;
          const { status } = found;
          const data = { ...others, ...(isRetained && { retainUntil }), updatedAt };
          assign(em, found, data);
          try {
            await em.flush();
          } catch (error) {
            throw notStored(id, error);
          }
          await recordChanges(em, [changeOf(found, eventOfStatus(found, status))]);
          return found;
        });
        return snapshot(entity);
      }),

    delete: (id, fence) =>
      orStoreUnavailable(() =>
        write(async (em) => {
          // Locked first, as by addDomain: no domain is added while its tenant goes.
          const entity = await lock(em, id, fence);
          // One that was never active has been reached by nobody.
          if (entity?.status === 'removing') {
            await recordFormer(em, entity);
            await recordFormerDomains(em, entity, await hostsOf(em, id));
          }
          await forgetClaims(em, id);
          await em.nativeDelete(domain.class, { tenantId: id } as FilterQuery<DomainEntity>);
          await em.nativeDelete(tenant.class, { id } as FilterQuery<TenantEntity>);
          if (entity) await recordChanges(em, [{ kind: 'removed', tenant: id, event: eventOfEnd(entity) }]);
        }),
      ),

    domains: (tenantId) =>
      orStoreUnavailable(async () => {
        const entities = await fork().find(domain.class, { tenantId } as FilterQuery<DomainEntity>, {
          orderBy: { host: 'asc' },
        });
        return entities.map(({ host, primary }) => ({ host, tenantId, primary }));
      }),

    addDomain: (entry, terms = {}) =>
      orStoreUnavailable(() =>
        write(async (em) => {
          const owner = await lockExisting(em, entry.tenantId);
          if (entry.primary) {
            await em.nativeUpdate(domain.class, { tenantId: entry.tenantId } as FilterQuery<DomainEntity>, {
              primary: false,
            });
          }
          try {
            await em.insert(domain.class, { ...entry } as never);
          } catch (error) {
            throw error instanceof UniqueConstraintViolationException ? domainTaken(entry, error) : error;
          }
          await keepTerms(em, [entry], owner, terms);
          const event = eventOfDomain(owner, 'domain.added', entry.host);
          await recordChanges(em, [{ kind: 'domain', host: entry.host, event }]);
        }),
      ),

    removeDomain: (tenantId, host) =>
      orStoreUnavailable(() =>
        write(async (em) => {
          // Locked first, as by all that writes domains.
          const owner = await lock(em, tenantId);
          const removed = await em.nativeDelete(domain.class, { host, tenantId } as FilterQuery<DomainEntity>);
          if (removed !== 1) return false;
          if (owner) await recordFormerDomains(em, owner, [host]);
          await recordChanges(em, [
            { kind: 'domain', host, event: owner && eventOfDomain(owner, 'domain.removed', host) },
          ]);
          return true;
        }),
      ),

    changes: (since) =>
      orStoreUnavailable(async () => {
        await ready();
        return changesSince(fork(), since);
      }),

    leases: {
      take: (id, lease, termMs) => orStoreUnavailable(() => leases.take(id, lease, termMs)),
      renew: (id, holder, termMs) => orStoreUnavailable(() => leases.renew(id, holder, termMs)),
      release: (id, holder) => orStoreUnavailable(() => leases.release(id, holder)),
    },

    search: {
      page: (query) => orStoreUnavailable(() => search.page(query)),
      counts: () => orStoreUnavailable(() => search.counts()),
    },

    hiddenColumns,

    audit: {
      append: (entry) => orStoreUnavailable(() => audit.append(entry)),
      page: (query) => orStoreUnavailable(() => audit.page(query)),
    },

    operations: {
      begin: (draft, termMs) => orStoreUnavailable(() => operations.begin(draft, termMs)),
      renew: (id, holder, termMs, progress) => orStoreUnavailable(() => operations.renew(id, holder, termMs, progress)),
      end: (id, holder, outcome) => orStoreUnavailable(() => operations.end(id, holder, outcome)),
      find: (id) => orStoreUnavailable(() => operations.find(id)),
      page: (query) => orStoreUnavailable(() => operations.page(query)),
      forget: (endedForMs, limit) => orStoreUnavailable(() => operations.forget(endedForMs, limit)),
    },

    outbox,

    redemptions: {
      redeem: (id, expiresAt) => orStoreUnavailable(() => redemptions.redeem(id, expiresAt)),
    },

    domainClaims: {
      add: (claim, unusedSince) => orStoreUnavailable(() => claims.add(claim, unusedSince)),
      find: (tenantId, host) => orStoreUnavailable(() => claims.find(tenantId, host)),
      page: (query) => orStoreUnavailable(() => claims.page(query)),
      check: (claim, found) => orStoreUnavailable(() => claims.check(claim, found)),
      remove: (tenantId, host) => orStoreUnavailable(() => claims.remove(tenantId, host)),
      forget: (host) => orStoreUnavailable(() => claims.forget(host)),
    },

    usage: {
      add: (batch) => orStoreUnavailable(() => usage.add(batch)),
      read: (filter) => orStoreUnavailable(() => usage.read(filter)),
      days: (filter) => orStoreUnavailable(() => usage.days(filter)),
    },
  };
}

function asSql({ sql, params }: { readonly sql: string; readonly params: readonly unknown[] }): RawQueryFragment {
  return raw(`(${sql})`, [...params]);
}

/** The columns that are hidden, and hidden members of embeddables by their paths, such as `billing.iban`. */
function hiddenIn(properties: Readonly<Record<string, EntityProperty>>): string[] {
  return Object.entries(properties).flatMap(([name, { hidden, embeddedProps = {} }]) =>
    hidden ? name : hiddenIn(embeddedProps).map((path) => `${name}.${path}`),
  );
}

function changeOf({ id, updatedAt }: TenantEntity, event: EventDraft | undefined): RecordedChange {
  return { kind: 'changed', tenant: id, updatedAt: updatedAt.getTime(), event };
}

/** Maps SERVER_UNAVAILABLE of central to STORE_UNAVAILABLE, so that a store that is down never means "no such tenant". */
async function orStoreUnavailable<R>(ask: () => Promise<R>): Promise<R> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TenancyError && error.code === 'SERVER_UNAVAILABLE') {
      throw new TenancyError('STORE_UNAVAILABLE', `The tenants cannot be looked up. ${error.message}`, {
        cause: error.cause,
      });
    }
    throw error;
  }
}

function insertionError(id: string, domains: readonly Domain[], error: unknown): unknown {
  if (error instanceof UniqueConstraintViolationException) {
    const conflict = /\((\w+)\)=\((.*?)\)/.exec(error.message);
    const taken = domains.find(({ host }) => host === conflict?.[2]);
    if (conflict?.[1] === 'host' && taken) return domainTaken(taken, withoutValues(error));
    if (conflict?.[1] === 'id') return tenantExists(id, withoutValues(error));
  }
  return notStored(id, error);
}

/** The error of a record that the database does not take. */
function notStored(id: string, error: unknown): unknown {
  const { code } = error as { code?: string };
  const refused = error instanceof ValidationError || code?.startsWith('22') || code?.startsWith('23');
  return refused ? invalidRecord(id, error) : error;
}

/** MikroORM refuses values of other types before the database sees them. */
function assign(em: TenantEntityManager, entity: TenantEntity, data: object): void {
  try {
    em.assign(entity, data as EntityData<TenantEntity> as never);
  } catch (error) {
    throw invalidRecord(entity.id, error);
  }
}

function invalidRecord(id: string, error: unknown): TenancyError {
  const cause = withoutValues(error as Error);
  return new TenancyError('TENANT_INVALID', `Tenant "${id}" cannot be stored: ${cause.message}`, { tenant: id, cause });
}
