import { TenancyError, type Tenant } from '@omnitenant/core';
import { createAuditing, type FleetMigration, type TenantStore, verbDefaults, warn } from '@omnitenant/core/extend';
import type { Migrations } from '@omnitenant/orm';
import {
  createMigration,
  createMigrations,
  type Fleet,
  loadMigrations,
  loadOnce,
  type Migrated,
  noCentralMigrations,
  type Operation,
  type RunProgress,
  type ScopedDatabase,
  storeLeases,
  storeLedger,
  type TenantEntityManager,
  upTo,
  versionOf,
} from '@omnitenant/orm/extend';
import { appliedIn, migrateDatabase } from './migrate-database.ts';

/** The migrations of the tenants' databases. */
export interface OpenMigrations {
  readonly migrations: Migrations;
  migrate(tenant: Tenant): Promise<void>;
  /** Receives a tenancy that is told of each tenant that a run migrates. */
  joined(tenancy: FleetMigration): void;
}

export interface OpenMigrationsOptions {
  readonly base: TenantEntityManager;
  readonly store: TenantStore;
  readonly databaseOf: (tenant: Tenant) => ScopedDatabase;
  /** Runs work in a session of the tenant's that nobody else has, while no other process migrates the tenant. */
  readonly holding: <R>(tenant: Tenant, work: (database: ScopedDatabase) => Promise<R>) => Promise<R>;
  /** An EntityManager on a database. */
  readonly forkOn: (database: () => ScopedDatabase, tenant: Tenant) => TenantEntityManager;
}

export function openMigrations({ base, store, databaseOf, holding, forkOn }: OpenMigrationsOptions): OpenMigrations {
  const set = loadOnce(() => loadMigrations(base));
  const tenancies: FleetMigration[] = [];
  const running = new Set<RunProgress>();

  async function run(tenant: Tenant, operation: Operation): Promise<Migrated> {
    const loaded = await set();
    return holding(tenant, (database) =>
      migrateDatabase({ set: loaded, em: forkOn(() => database, tenant), tenant }, operation),
    );
  }

  const ledger = storeLedger(store, async (tenant) => {
    const em = forkOn(() => databaseOf(tenant), tenant);
    // A database that is gone is found out when it is migrated.
    const found = await appliedIn({ set: await set(), em }).catch(() => undefined);
    return found && versionOf(found.applied);
  });

  const fleet = async (): Promise<Fleet> => ({
    ledger,
    leases: storeLeases(store),
    verbs: tenancies[0]?.verbs ?? verbDefaults,
    servers: ['mariadb'],
    set: await set(),
    tenancies,
    migrateTarget: ({ tenant }, operation) => run(tenant as Tenant, operation),
    running,
    auditing: createAuditing(store.audit, warn),
  });

  const tables = { table: () => true, routine: () => false };

  return {
    migrations: createMigrations({
      names: async () => (await set()).names,
      fleet,
      central: noCentralMigrations,
      create: (wish = {}) => createMigration(base, { part: tables, snapshotName: '.snapshot-omnitenant' }, wish),
      verify: () => Promise.reject(noVerify()),
    }),
    async migrate(tenant) {
      await run(tenant, upTo((await set()).names));
    },
    joined(tenancy) {
      tenancies.push(tenancy);
    },
  };
}

function noVerify(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'migrations.verify() is not there for MariaDB yet. migrations.status() says what each tenant has; mariadb-dump --no-data of two databases ' +
      'shows where their tables differ.',
  );
}
