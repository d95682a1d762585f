import type { Direction } from '../mikro-orm/migration-compiler.ts';
import { type MigrationWarning, migrationWarnings } from '../sql/migration-warnings.ts';
import type { FleetOptions } from './fleet-options.ts';
import type { Ledger } from './ledger.ts';
import type { MigrationSet } from './migration-set.ts';
import type { Operation } from './operation.ts';
import { versionOf } from './version.ts';

/** The plan of `up` or `down`. */
export interface MigrationPlan {
  /** The tenants in which something would be done, grouped by what. */
  readonly steps: readonly PlannedStep[];
  /** Every migration that would be run in one of them, in the order in which it would. */
  readonly migrations: readonly PlannedMigration[];
}

/** Options of a plan. */
export interface PlanOptions extends Pick<FleetOptions, 'tenants' | 'skip' | 'step'> {
  /** `down` plans what `down` would undo. Default: `up`. */
  readonly direction?: Direction | undefined;
  readonly to?: string | 0 | undefined;
}

/** Tenants in which the same migrations would be run. */
export interface PlannedStep {
  /** Their names, in order; `undefined` if central does not know, and the tenants' logs would be read. */
  readonly pending: readonly string[] | undefined;
  readonly tenants: number;
  /** The ids of the first few. */
  readonly examples: readonly string[];
}

/** One migration, as it would be sent. */
export interface PlannedMigration {
  readonly name: string;
  /** Its statements; `undefined` if it runs code. */
  readonly sql: readonly string[] | undefined;
  readonly transactional: boolean;
  /** What in its SQL loses rows, fails or locks tables that are in use. */
  readonly warnings: readonly MigrationWarning[];
}

/** Compiles a migration, to be shown. */
export async function planned(set: MigrationSet, name: string, direction: Direction): Promise<PlannedMigration> {
  const { sql, transactional } = await set.compile(name, direction);
  return { name, sql, transactional, warnings: migrationWarnings(sql ?? [], { transactional }) };
}

const exampleCount = 5;

export async function planFleet(
  { ledger, set }: { readonly ledger: Ledger; readonly set: MigrationSet },
  operation: Operation,
  { tenants, skip, direction = 'up' }: PlanOptions,
): Promise<MigrationPlan> {
  const byVersion = new Map<string | undefined, { tenants: number; examples: string[] }>();
  for await (const { tenant, version } of ledger.tenants({ tenants, skip, except: versionOf(operation.target) })) {
    const group = byVersion.get(version) ?? { tenants: 0, examples: [] };
    group.tenants += 1;
    if (group.examples.length < exampleCount) group.examples.push(tenant.id);
    byVersion.set(version, group);
  }
  const steps = [...byVersion].map(([version, group]) => {
    const applied = version === undefined ? undefined : set.appliedAt(version);
    return { pending: applied && operation.stepsFrom(applied).map(({ name }) => name), ...group };
  });
  // Of tenants that central does not know, any of the migrations may be run.
  const isUnknown = steps.some(({ pending }) => pending === undefined);
  const most = operation.stepsFrom(direction === 'up' ? [] : set.names).map(({ name }) => name);
  const ordered = direction === 'up' ? set.names : set.names.toReversed();
  const needed = ordered.filter((name) =>
    isUnknown && most.includes(name) ? true : steps.some(({ pending }) => pending?.includes(name)),
  );
  return {
    steps: steps.filter(({ pending }) => pending === undefined || pending.length > 0),
    migrations: await Promise.all(needed.map((name) => planned(set, name, direction))),
  };
}
