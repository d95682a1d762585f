import type { Tenant } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import {
  asArchived,
  type ComparedSchema,
  loadMigrations,
  loadOnce,
  type Migrated,
  type MigrationSet,
  type Operation,
  type ScopedDatabase,
  type StoreMigrations,
  storeMigrations,
  type TenantEntityManager,
  upTo,
  verifyDatabases,
} from '@omnitenant/orm/extend';
import { type AppliedMigrations, appliedIn, migrateDatabase } from './migrate-database.ts';
import { readSchema } from './read-schema.ts';

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

/** The migrations of all tenants, and what an archive needs of them. */
export interface DatabaseMigrations extends StoreMigrations {
  readonly set: () => Promise<MigrationSet>;
  /** Applies the migrations of an archive to a new tenant. Throws ARCHIVE_INVALID where there are others. */
  readonly bringTo: (tenant: Tenant, names: readonly string[]) => Promise<void>;
  /** Fails as `bringTo` does for the same reason, and changes nothing. */
  readonly checkVersion: (names: readonly string[]) => Promise<void>;
}

const messages = {
  gone: 'The database is gone. Restore a dump of it, with its comment, or remove the tenant.',
  unreadable: 'The database cannot be read',
};

/** The migrations of the tenants' databases. */
export function openMigrations(options: OpenMigrationsOptions): DatabaseMigrations {
  const { base, store, databaseOf, holding, inScratch, forkOn } = options;
  const set = loadOnce(() => loadMigrations(base));

  async function run(tenant: Tenant, operation: Operation): Promise<Migrated> {
    const loaded = await set();
    return holding(tenant, (database) =>
      migrateDatabase({ set: loaded, em: forkOn(() => database, tenant), tenant }, operation),
    );
  }

  async function readApplied(tenant: Tenant): Promise<AppliedMigrations> {
    const em = forkOn(() => databaseOf(tenant), tenant);
    return appliedIn({ set: await set(), em });
  }

  const appliedTo = async (tenant: Tenant) => (await readApplied(tenant)).applied;

  async function schemaOf(tenant: Tenant): Promise<ComparedSchema> {
    return readSchema(
      forkOn(() => databaseOf(tenant), tenant),
      (await set()).logTable,
    );
  }

  /** Makes a database for the comparison, as a tenant's is made, and drops it. */
  async function expectedOf(applied: readonly string[]): Promise<ComparedSchema> {
    return inScratch(async (scratch) => {
      await run(scratch, upTo(applied));
      return schemaOf(scratch);
    });
  }

  const ofStore = storeMigrations({
    base,
    store,
    set,
    server: 'mariadb',
    run,
    async appliedTo(tenant) {
      const { applied, unfinished } = await readApplied(tenant);
      // Where it is not known what is applied, each run comes to the tenant, and tells what it finds.
      if (unfinished !== undefined) throw new TypeError(`the migration "${unfinished.name}" is not whole`);
      return applied;
    },
    verify: async (ledger, wish) => {
      const { names } = await set();
      return verifyDatabases({ ledger, names, appliedTo, schemaOf, expectedOf, messages }, wish);
    },
  });
  return {
    ...ofStore,
    set,
    async bringTo(tenant, names) {
      await run(tenant, asArchived((await set()).names, names));
    },
    checkVersion: async (names) => void asArchived((await set()).names, names),
  };
}
