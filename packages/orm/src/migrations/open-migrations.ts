import { createHash } from 'node:crypto';
import type { EntityMetadata } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import type { TenantEntity } from '../central/tenant-entity.ts';
import type { Pools } from '../connections/pools.ts';
import { openSession } from '../connections/unpinned-session.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema, type EntityScopes } from '../entities/entity-scope.ts';
import { aroundRows } from '../isolation/row.ts';
import type { Contents } from '../isolation/storage.ts';
import type { BaseOrm } from '../mikro-orm/base-orm.ts';
import { createMigration } from '../mikro-orm/create-migration.ts';
import type { Drivers } from '../mikro-orm/drivers.ts';
import { type OrmPlacement, ownServer, placementOf, sharesTables } from '../placement/placement.ts';
import { quoteName } from '../sql/quote.ts';
import { centralMigrations } from './central.ts';
import type { Fleet } from './fleet.ts';
import { centralLedger } from './ledger.ts';
import { migratePlace, type PlaceOptions } from './migrate-tenant.ts';
import { loadMigrations, type MigrationSet, type MigrationsKept } from './migration-set.ts';
import { createMigrations, type Migrations } from './migrations.ts';
import { assumeUpTo, upTo } from './operation.ts';
import { createLog, replayOf } from './replay.ts';
import { isExhausted, untilFree } from './retry.ts';
import { versionOf } from './version.ts';

/** What migrations are opened on. */
export interface MigrationsOptions {
  readonly base: BaseOrm;
  readonly scopes: EntityScopes;
  readonly pools: Pools;
  readonly drivers: Drivers;
  /** The tenants' migrations, loaded once. */
  readonly set: () => Promise<MigrationSet>;
  readonly servers: Iterable<string>;
  readonly central: OrmPlacement;
  readonly tenant: EntityMetadata<TenantEntity>;
  readonly keptOfCentral: MigrationsKept | undefined;
}

/** The migrations of an orm, and what its own steps of provisioning need of them. */
export interface OpenMigrations {
  readonly migrations: Migrations;
  /** What a new tenant begins with, or `undefined` where a migration has to be run in each. */
  contents(): Promise<Contents | undefined>;
  /** Takes a tenant's migrations up to this one for applied. */
  assume(tenant: Tenant, at: string): Promise<void>;
  /** Applies what one tenant lacks, and writes its version down. */
  migrate(tenant: Tenant): Promise<void>;
  /** Writes down that a tenant was made with all migrations. */
  recordNew(tenant: Tenant): Promise<void>;
}

export function openMigrations(options: MigrationsOptions): OpenMigrations {
  const { base, scopes, pools, drivers, set, servers, central, tenant: meta, keptOfCentral } = options;
  const forkCentral = () => base.em.forkFor(drivers.of({ kind: 'central' }));
  const ledger = centralLedger(forkCentral, meta);
  const session = (placement: OrmPlacement) => openSession(pools, placement);
  const place: PlaceOptions = {
    pools,
    set,
    session,
    fork: (tenant) => base.em.forkFor(drivers.forMigrations(tenant)),
    around: (tenant) => (sharesTables(tenant) ? aroundRows(placementOf(tenant).schema) : undefined),
  };
  const migrateTenant = migratePlace(place);
  const fleet = async (): Promise<Fleet> => ({
    ledger: centralLedger(forkCentral, meta, (work) => untilFree(work, isExhausted)),
    servers: [...servers].filter((server) => server !== ownServer),
    set: await set(),
    migratePlace: migratePlace({ ...place, patient: true }),
  });
  const wanted = (scope: 'tenant' | 'central') => (entity: EntityMetadata) => {
    const of = scopes.get(entity);
    return of === scope || of === 'shared';
  };
  const author = (scope: 'tenant' | 'central', kept?: MigrationsKept) =>
    createMigration.bind(undefined, base.em as TenantEntityManager, {
      wanted: wanted(scope),
      snapshotName: `.snapshot-${scope}`,
      ...(kept && { kept }),
    });

  const keptAt: MigrationsKept = keptOfCentral ?? { migrationsList: [] };
  const setOfCentral = once(() => loadMigrations(base.em, keptAt));
  const ofCentral = centralMigrations({
    set: setOfCentral,
    place: asTenant(central),
    // Two that find no schema would both make one. The lock is no migration's, which may be held for long.
    prepare: () =>
      pools.query(
        central,
        `select pg_advisory_xact_lock(hashtextextended('omnitenant:make:${centralSchema}', 0));
         create schema if not exists ${quoteName(centralSchema)}`,
      ),
    migratePlace: migratePlace({
      pools,
      set: setOfCentral,
      session,
      kept: keptAt,
      fork: forkCentral,
      around: () => undefined,
    }),
    create: author('central', keptOfCentral ?? { path: './migrations/central' }),
  });

  return {
    migrations: createMigrations({ fleet, central: ofCentral, create: (wish = {}) => author('tenant')(wish) }),
    contents: once(async () => {
      const migrations = await set();
      const { names } = migrations;
      const replay = await replayOf(migrations, upTo(names).stepsFrom([]));
      if (!replay || replay.leaves) return undefined;
      const statements = [createLog(migrations), ...replay.statements];
      return {
        statements,
        digest: createHash('sha256').update(statements.join(';')).digest('hex').slice(0, 12),
        record: ({ id }: Tenant) => ledger.recording([id], versionOf(names)),
      };
    }),
    assume: async (tenant, at) => {
      await migrateTenant(tenant, assumeUpTo((await set()).names, at));
    },
    migrate: async (tenant) => {
      const { applied } = await migrateTenant(tenant, upTo((await set()).names));
      await ledger.record([tenant.id], versionOf(applied));
    },
    recordNew: async (tenant) => ledger.record([tenant.id], versionOf((await set()).names)),
  };
}

/** Central as a place that migrations run in. */
function asTenant(placement: OrmPlacement): Tenant {
  return {
    id: 'central',
    name: 'central',
    status: 'active',
    isolation: 'schema',
    placement,
    config: {},
    createdAt: new Date(0),
    updatedAt: new Date(0),
  };
}

/** Loads once, and again after it has failed. */
export function once<R>(load: () => Promise<R>): () => Promise<R> {
  let loaded: Promise<R> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}
