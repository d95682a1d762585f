import { TenancyError, type Tenant, type TenantStatus } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';
import type { CreatedMigration, CreateMigrationOptions } from '../mikro-orm/create-migration.ts';
import { auditedRun, fleetCall } from './audited-run.ts';
import { migrateFleet } from './fleet.ts';
import type { Fleet, FleetOptions, FleetReport, RolloutGroup } from './fleet-options.ts';
import { fakeTo, type Operation, towards } from './operation.ts';
import { type MigrationPlan, type PlannedMigration, type PlanOptions, planFleet } from './plan.ts';
import type { VerifyOptions, VerifyReport } from './verify/verify-options.ts';
import { lastOf, versionOf } from './version.ts';

/** The application's migrations, over all of its tenants. */
export interface Migrations<T extends Tenant = Tenant> {
  /** The names of the tenants' migrations in this code, in order. */
  names(): Promise<readonly string[]>;
  /** Streams what each tenant has, in the order of their ids, as central knows it. */
  status(options?: { readonly tenants?: readonly string[] | undefined }): AsyncIterable<TenantMigrations>;
  /**
   * Compares each tenant's tables with what its migrations make in an empty schema, and its own log with central's record. Changes nothing,
   * unless asked to `fix`.
   *
   * @throws MIGRATE_FAILED if the migrations fail in an empty schema.
   *
   * @example
   * const { well, groups } = await orm.migrations.verify();
   * for (const { tenants, message, differences } of groups) console.log(tenants, message, differences);
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * What `up` would do, or `down` with `direction: 'down'`, including its SQL and what it does to tables in use. Changes nothing.
   *
   * @throws MIGRATION_UNKNOWN
   */
  plan(options?: PlanOptions): Promise<MigrationPlan>;
  /**
   * Applies pending migrations. A tenant that fails is in the report and stops no other.
   *
   * @throws MIGRATION_UNKNOWN; STORE_UNAVAILABLE or SERVER_UNAVAILABLE if central cannot be reached.
   */
  up(options?: FleetOptions<T>): Promise<FleetReport>;
  /** Reverts the migrations after `to`, newest first; 0 reverts all. Default: reverts the code's last migration, or its last ones by `step`. */
  down(options?: Omit<FleetOptions<T>, 'to'> & { readonly to?: string | 0 | undefined }): Promise<FleetReport>;
  /** Marks the migrations up to `to` as applied and those after it as pending, without running any; 0 marks all as pending. */
  fake(options?: FakeOptions): Promise<FleetReport>;
  /** Writes a migration file with what has changed in the tenants' entities since the last one. */
  create(options?: CreateMigrationOptions): Promise<CreatedMigration>;
  /** The migrations of central's own tables, if the application has any. */
  readonly central: CentralMigrations;
}

/** The migrations to mark, and the tenants. */
export interface FakeOptions extends Omit<FleetOptions, 'to'> {
  readonly to?: string | 0 | undefined;
  /** Strikes out migrations that the code does not have, as after some were deleted from it. Default: false. */
  readonly forgetUnknown?: boolean | undefined;
}

/** One tenant's migrations, as central knows them. */
export interface TenantMigrations {
  readonly tenant: string;
  readonly status: TenantStatus;
  readonly isolation: string;
  /** The last migration applied. */
  readonly last: string | undefined;
  /** Its pending migrations; `undefined` if central does not know, until the next `up` has read its log. */
  readonly pending: readonly string[] | undefined;
}

/** The migrations of central's own tables. */
export interface CentralMigrations {
  status(): Promise<{ readonly applied: readonly string[]; readonly pending: readonly string[] }>;
  /** What `up` would do, or `down` with `direction: 'down'`. */
  plan(options?: Omit<PlanOptions, 'tenants' | 'skip'>): Promise<readonly PlannedMigration[]>;
  /**
   * Applies central's pending migrations, up to and including `to`, and returns their names; without `centralMigrations` it creates the
   * missing tables from the entities. `tenancy.migrateCentral()` does it too.
   */
  up(options?: { readonly to?: string | undefined }): Promise<readonly string[]>;
  /** Reverts the migrations after `to`; 0 reverts all. Default: reverts the last one, or the last ones by `step`. */
  down(options?: Omit<PlanOptions, 'tenants' | 'skip' | 'direction'>): Promise<readonly string[]>;
  /** Marks the migrations up to `to` as applied and those after it as pending, without running any. Default: all applied. */
  fake(options?: { readonly to?: string | 0 | undefined }): Promise<readonly string[]>;
  /** Writes a migration file with what has changed in the central and shared entities since the last one. */
  create(options?: CreateMigrationOptions): Promise<CreatedMigration>;
}

export interface MigrationsParts {
  readonly names: Migrations['names'];
  readonly fleet: () => Promise<Fleet>;
  readonly central: CentralMigrations;
  readonly create: Migrations['create'];
  readonly verify: (options: VerifyOptions) => Promise<VerifyReport>;
}

export function createMigrations({ names, fleet, central, create, verify }: MigrationsParts): Migrations {
  async function run(
    kind: 'down' | 'fake',
    operation: (names: readonly string[]) => Operation,
    options: FleetOptions = {},
  ) {
    refuseUnknown(kind, options);
    const parts = await fleet();
    const tenancies = parts.tenancies.map((tenancy) => tenancy.as(kind));
    const call = fleetCall(kind === 'down' ? 'roll-back-fleet' : 'fake-fleet', options);
    return auditedRun(parts.auditing, call, (begin) =>
      migrateFleet({ ...parts, tenancies, begin }, operation(parts.set.names), options),
    );
  }
  return {
    names,
    async *status({ tenants } = {}) {
      const { ledger, set } = await fleet();
      const target = versionOf(set.names);
      for await (const { tenant, version } of ledger.tenants({ tenants })) {
        const { id, status, isolation } = tenant;
        const applied = version === undefined ? undefined : set.appliedAt(version);
        const last = version === undefined ? undefined : lastOf(version);
        const pending = version === target ? [] : applied && set.names.slice(applied.length);
        yield { tenant: id, status, isolation, last, pending };
      }
    },
    async plan(options = {}) {
      const parts = await fleet();
      const { direction = 'up', to, step } = options;
      return planFleet(parts, towards(parts.set.names, direction, to, step), options);
    },
    async up(options = {}) {
      refuseUnknown('up', options);
      const parts = await fleet();
      const operation = towards(parts.set.names, 'up', options.to, options.step);
      return auditedRun(parts.auditing, fleetCall('migrate-fleet', options), (begin) =>
        migrateFleet({ ...parts, begin }, operation, options),
      );
    },
    down: ({ to, ...options } = {}) => run('down', (names) => towards(names, 'down', to, options.step), options),
    fake: ({ to, forgetUnknown, ...options } = {}) => run('fake', (names) => fakeTo(names, to, forgetUnknown), options),
    async verify(options = {}) {
      if (!options.fix) return verify(options);
      const { tenants } = options;
      const { auditing } = await fleet();
      const call = { verb: 'fix-fleet', before: () => ({ tenants }), after: fixedBy };
      return auditing(call, () => verify(options));
    },
    create,
    central,
  };
}

/** What an audit says that a verification has put right. */
function fixedBy(report: VerifyReport | undefined): unknown {
  const fixed = report?.groups.filter((group) => group.fixed);
  return fixed && { fixed: fixed.map(({ problem, tenants }) => ({ problem, tenants })) };
}

/** @throws CONFIG_INVALID for an option that does not exist: a misspelt limit would be none. */
function refuseUnknown(verb: string, options: FleetOptions): void {
  const unknown = unknownOption(options, fleetOptions);
  if (unknown !== undefined) throw new TenancyError('CONFIG_INVALID', `migrations.${verb}() ${unknown}`);
  for (const group of options.groups ?? []) {
    const within = unknownOption(group, groupNames);
    if (within !== undefined) throw new TenancyError('CONFIG_INVALID', `A group of migrations.${verb}() ${within}`);
  }
}

const groupNames: OptionNames<RolloutGroup> = {
  tenants: true,
  where: true,
  concurrency: true,
  maxFailures: true,
  pauseMs: true,
};
const fleetOptions: OptionNames<FleetOptions> = {
  tenants: true,
  skip: true,
  to: true,
  step: true,
  concurrency: true,
  canary: true,
  groups: true,
  maxFailures: true,
  signal: true,
  onProgress: true,
};
