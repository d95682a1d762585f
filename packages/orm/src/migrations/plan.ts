import type { Ledger } from './ledger.ts';
import type { MigrationSet } from './migration-set.ts';
import { upTo } from './operation.ts';
import { versionOf } from './version.ts';

/** What `up` would do, and nothing was done. */
export interface MigrationPlan {
  /** The tenants that have something to do, by what that is. */
  readonly steps: readonly PlannedStep[];
  /** Every migration that one of them needs, in order. */
  readonly migrations: readonly PlannedMigration[];
}

/** Tenants that need the same migrations. */
export interface PlannedStep {
  /** Their names, in order; `undefined` where central does not know what the tenants have, and their logs would be asked. */
  readonly pending: readonly string[] | undefined;
  readonly tenants: number;
  /** The ids of the first few. */
  readonly examples: readonly string[];
}

/** One migration, as it would be sent. */
export interface PlannedMigration {
  readonly name: string;
  /** Its statements; `undefined` where it runs code. */
  readonly sql: readonly string[] | undefined;
  readonly transactional: boolean;
}

const exampleCount = 5;

export async function planFleet(
  { ledger, set }: { readonly ledger: Ledger; readonly set: MigrationSet },
  { tenants, to }: { readonly tenants?: readonly string[]; readonly to?: string },
): Promise<MigrationPlan> {
  const operation = upTo(set.names, to);
  const byVersion = new Map<string | undefined, { tenants: number; examples: string[] }>();
  for await (const { tenant, version } of ledger.tenants({
    ...(tenants && { tenants }),
    except: versionOf(operation.target),
  })) {
    const group = byVersion.get(version) ?? { tenants: 0, examples: [] };
    group.tenants += 1;
    if (group.examples.length < exampleCount) group.examples.push(tenant.id);
    byVersion.set(version, group);
  }
  const steps = [...byVersion].map(([version, group]) => {
    const applied = version === undefined ? undefined : set.appliedAt(version);
    return { pending: applied && operation.stepsFrom(applied).map(({ name }) => name), ...group };
  });
  const needed = steps.some(({ pending }) => pending === undefined)
    ? operation.target
    : operation.target.filter((name) => steps.some(({ pending }) => pending?.includes(name)));
  const migrations = await Promise.all(needed.map(async (name) => ({ name, ...(await set.compile(name, 'up')) })));
  return { steps: steps.filter(({ pending }) => pending === undefined || pending.length > 0), migrations };
}
