import type { Tenant } from '@omnitenant/core';
import { createAuditing, type FleetMigration, type TenantStore, verbDefaults, warn } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { createMigration } from '../mikro-orm/create-migration.ts';
import type { Fleet, RunProgress } from './fleet-options.ts';
import type { Ledger } from './ledger.ts';
import type { Migrated } from './migrate-target.ts';
import type { MigrationSet } from './migration-set.ts';
import { createMigrations, type Migrations } from './migrations.ts';
import { noCentralMigrations } from './no-central-migrations.ts';
import { type Operation, upTo } from './operation.ts';
import { storeLeases } from './store-leases.ts';
import { storeLedger } from './store-ledger.ts';
import type { VerifyOptions, VerifyReport } from './verify/verify-options.ts';
import { versionOf } from './version.ts';

/** The parts of the migrations of tenants who each have a database of their own, with its own log. */
export interface StoreMigrationsParts {
  readonly base: TenantEntityManager;
  readonly store: TenantStore;
  readonly set: () => Promise<MigrationSet>;
  /** The name of the one server that a run goes through. */
  readonly server: string;
  readonly run: (tenant: Tenant, operation: Operation) => Promise<Migrated>;
  /** The migrations in the log of a tenant's database. */
  readonly appliedTo: (tenant: Tenant) => Promise<readonly string[]>;
  readonly verify: (ledger: Ledger, options: VerifyOptions) => Promise<VerifyReport>;
}

/** The migrations of all tenants of a store. */
export interface StoreMigrations {
  readonly migrations: Migrations;
  migrate(tenant: Tenant): Promise<void>;
  /** Receives a tenancy that is told of each tenant that a run migrates. */
  joined(tenancy: FleetMigration): void;
}

/** Creates the migrations of tenants whose databases say themselves what they have. */
export function storeMigrations(parts: StoreMigrationsParts): StoreMigrations {
  const { base, store, set, server, run, appliedTo, verify } = parts;
  const tenancies: FleetMigration[] = [];
  const running = new Set<RunProgress>();

  const ledger = storeLedger(store, async (tenant) => {
    // A database that is gone is found out when it is migrated.
    const applied = await appliedTo(tenant).catch(() => undefined);
    return applied && versionOf(applied);
  });

  const fleet = async (): Promise<Fleet> => ({
    ledger,
    leases: storeLeases(store),
    verbs: tenancies[0]?.verbs ?? verbDefaults,
    servers: [server],
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
      verify: (wish) => verify(ledger, wish),
    }),
    async migrate(tenant) {
      await run(tenant, upTo((await set()).names));
    },
    joined(tenancy) {
      tenancies.push(tenancy);
    },
  };
}
