import type { FleetOptions } from './fleet-options.ts';
import type { Ledger } from './ledger.ts';
import type { MigrationSet } from './migration-set.ts';
import { upTo } from './operation.ts';
import { versionOf } from './version.ts';

/** What `up` would do. */
export interface MigrationPlan {
  /** The tenants with pending migrations, grouped by those. */
  readonly steps: readonly PlannedStep[];
  /** Every migration that is pending in one of them, in order. */
  readonly migrations: readonly PlannedMigration[];
}

/** Tenants with the same pending migrations. */
export interface PlannedStep {
  /** Their names, in order; `undefined` if central does not know, and `up` would read the tenants' logs. */
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
}

const exampleCount = 5;

export async function planFleet(
  { ledger, set }: { readonly ledger: Ledger; readonly set: MigrationSet },
  { tenants, to }: Pick<FleetOptions, 'tenants' | 'to'>,
): Promise<MigrationPlan> {
  const operation = upTo(set.names, to);
  const byVersion = new Map<string | undefined, { tenants: number; examples: string[] }>();
  for await (const { tenant, version } of ledger.tenants({ tenants, except: versionOf(operation.target) })) {
    const group = byVersion.get(version) ?? { tenants: 0, examples: [] };
    group.tenants += 1;
    if (group.examples.length < exampleCount) group.examples.push(tenant.id);
    byVersion.set(version, group);
  }
  const steps = [...byVersion].map(([version, group]) => {
    const applied = version === undefined ? undefined : set.appliedAt(version);
    return { pending: applied && operation.stepsFrom(applied).map(({ name }) => name), ...group };
  });
  // Of tenants that central does not know, any migration may be pending.
  const needed = steps.some(({ pending }) => pending === undefined)
    ? operation.target
    : operation.target.filter((name) => steps.some(({ pending }) => pending?.includes(name)));
  const migrations = await Promise.all(needed.map(async (name) => ({ name, ...(await set.compile(name, 'up')) })));
  return { steps: steps.filter(({ pending }) => pending === undefined || pending.length > 0), migrations };
}
