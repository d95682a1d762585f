import type { TenantStatus } from '@omnitenant/core';
import type { CreatedMigration, CreateMigrationOptions } from '../mikro-orm/create-migration.ts';
import { type Fleet, type FleetOptions, type FleetReport, migrateFleet } from './fleet.ts';
import { downTo, fakeTo, type Operation, upTo } from './operation.ts';
import { type MigrationPlan, type PlannedMigration, planFleet } from './plan.ts';
import { lastOf, versionOf } from './version.ts';

/** The application's migrations, over all of its tenants. */
export interface Migrations {
  /** The names of the tenants' migrations in this code, in order. */
  names(): Promise<readonly string[]>;
  /** What each tenant has, streaming in the order of their ids, as central knows it. */
  status(options?: { readonly tenants?: readonly string[] }): AsyncIterable<TenantMigrations>;
  /**
   * What `up` would do, its SQL included; nothing is done.
   *
   * @throws MIGRATION_UNKNOWN
   */
  plan(options?: Pick<FleetOptions, 'tenants' | 'to'>): Promise<MigrationPlan>;
  /**
   * Applies what tenants lack. A tenant that fails is in the report, and stops nobody else.
   *
   * @throws MIGRATION_UNKNOWN; STORE_UNAVAILABLE and SERVER_UNAVAILABLE when central is out of reach.
   */
  up(options?: FleetOptions): Promise<FleetReport>;
  /** Undoes what came after `to`, newest first; 0 undoes all. Default: what the code's last migration did. */
  down(options?: Omit<FleetOptions, 'to'> & { readonly to?: string | 0 }): Promise<FleetReport>;
  /** Writes down as applied what is up to `to`, and strikes out what comes after, running nothing; 0 strikes out all. */
  fake(options?: Omit<FleetOptions, 'to'> & { readonly to?: string | 0 }): Promise<FleetReport>;
  /** Writes a migration file from what the tenants' entities have become since the last one. */
  create(options?: CreateMigrationOptions): Promise<CreatedMigration>;
  /** The migrations of central's own tables, where the application keeps such. */
  readonly central: CentralMigrations;
}

/** One tenant's migrations, as central knows them. */
export interface TenantMigrations {
  readonly tenant: string;
  readonly status: TenantStatus;
  readonly isolation: string;
  /** The last one that is applied. */
  readonly last: string | undefined;
  /** What it lacks; `undefined` where central does not know, until the next `up` has asked its log. */
  readonly pending: readonly string[] | undefined;
}

/** The migrations of central's own tables. */
export interface CentralMigrations {
  status(): Promise<{ readonly applied: readonly string[]; readonly pending: readonly string[] }>;
  /** What `up` would do. */
  plan(options?: { readonly to?: string }): Promise<readonly PlannedMigration[]>;
  /** Applies what central lacks, up to and including `to`, and gives back the names. `tenancy.migrateCentral()` does it too. */
  up(options?: { readonly to?: string }): Promise<readonly string[]>;
  /** Undoes what came after `to`; 0 undoes all. Default: the last one. */
  down(options?: { readonly to?: string | 0 }): Promise<readonly string[]>;
  /** Writes down as applied what is up to `to`, and strikes out what comes after, running nothing. Default: all are applied. */
  fake(options?: { readonly to?: string | 0 }): Promise<readonly string[]>;
  /** Writes a migration file from what the central and shared entities have become. */
  create(options?: CreateMigrationOptions): Promise<CreatedMigration>;
}

export interface MigrationsParts {
  readonly fleet: () => Promise<Fleet>;
  readonly central: CentralMigrations;
  readonly create: Migrations['create'];
}

export function createMigrations({ fleet, central, create }: MigrationsParts): Migrations {
  async function run(operation: (names: readonly string[]) => Operation, options: FleetOptions = {}) {
    const parts = await fleet();
    return migrateFleet(parts, operation(parts.set.names), options);
  }
  return {
    names: async () => (await fleet()).set.names,
    async *status({ tenants } = {}) {
      const { ledger, set } = await fleet();
      const target = versionOf(set.names);
      for await (const { tenant, version } of ledger.tenants(tenants ? { tenants } : {})) {
        const applied = version === undefined ? undefined : set.appliedAt(version);
        yield {
          tenant: tenant.id,
          status: tenant.status,
          isolation: tenant.isolation,
          last: version === undefined ? undefined : lastOf(version),
          pending: version === target ? [] : applied && set.names.slice(applied.length),
        };
      }
    },
    plan: async (options = {}) => planFleet(await fleet(), options),
    up: (options = {}) => run((names) => upTo(names, options.to), options),
    down: ({ to, ...options } = {}) => run((names) => downTo(names, to ?? names.at(-2) ?? 0), options),
    fake: ({ to, ...options } = {}) => run((names) => fakeTo(names, to), options),
    create,
    central,
  };
}
