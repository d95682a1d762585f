import type { Tenant } from '@omnitenant/core';
import { createAuditing, type FleetMigration, type TenantStore, verbDefaults, warn } from '@omnitenant/core/extend';
import type { Migrations } from '@omnitenant/orm';
import {
  type ComparedSchema,
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
  verifyDatabases,
  versionOf,
} from '@omnitenant/orm/extend';
import { appliedIn, migrateDatabase } from './migrate-database.ts';
import { readSchema } from './read-schema.ts';

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
  /** Runs work with a database that is no tenant's. */
  readonly inScratch: <R>(work: (scratch: Tenant) => Promise<R>) => Promise<R>;
  /** An EntityManager on a database. */
  readonly forkOn: (database: () => ScopedDatabase, tenant: Tenant) => TenantEntityManager;
}

const messages = {
  gone: 'The database is gone. Restore a dump of it, with its comment, or remove the tenant.',
  unreadable: 'The database cannot be read',
};

export function openMigrations(options: OpenMigrationsOptions): OpenMigrations {
  const { base, store, databaseOf, holding, inScratch, forkOn } = options;
  const set = loadOnce(() => loadMigrations(base));
  const tenancies: FleetMigration[] = [];
  const running = new Set<RunProgress>();

  async function run(tenant: Tenant, operation: Operation): Promise<Migrated> {
    const loaded = await set();
    return holding(tenant, (database) =>
      migrateDatabase({ set: loaded, em: forkOn(() => database, tenant), tenant }, operation),
    );
  }

  async function appliedTo(tenant: Tenant): Promise<readonly string[]> {
    const em = forkOn(() => databaseOf(tenant), tenant);
    return (await appliedIn({ set: await set(), em })).applied;
  }

  async function schemaOf(tenant: Tenant): Promise<ComparedSchema> {
    return readSchema(
      forkOn(() => databaseOf(tenant), tenant),
      (await set()).logTable,
    );
  }

  /** Makes a database for the comparison, as a tenant's is made, and drops it. */
  async function expectedOf(applied: readonly string[]): Promise<ComparedSchema> {
    return inScratch(async (scratch) => {
      await run(scratch, { target: applied, stepsFrom: (done) => stepsTo(applied, done) });
      return schemaOf(scratch);
    });
  }

  const ledger = storeLedger(store, async (tenant) => {
    // A database that is gone is found out when it is migrated.
    const applied = await appliedTo(tenant).catch(() => undefined);
    return applied && versionOf(applied);
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
      verify: async (wish) => {
        const { names } = await set();
        return verifyDatabases({ ledger, names, appliedTo, schemaOf, expectedOf, messages }, wish);
      },
    }),
    async migrate(tenant) {
      await run(tenant, upTo((await set()).names));
    },
    joined(tenancy) {
      tenancies.push(tenancy);
    },
  };
}

function stepsTo(applied: readonly string[], done: readonly string[]) {
  return applied.filter((name) => !done.includes(name)).map((name) => ({ name, direction: 'up' as const, run: true }));
}
