import { TenancyError } from '@omnitenant/core';
import type { Direction } from '../mikro-orm/migration-compiler.ts';

/** One migration to run in one tenant, or only to mark as applied or pending. */
export interface Step {
  readonly name: string;
  readonly direction: Direction;
  readonly run: boolean;
}

/** What to do in a tenant, whatever is applied there. */
export interface Operation {
  /** The migrations that a tenant has afterwards. */
  readonly target: readonly string[];
  /** The steps from what is applied to the target. */
  stepsFrom(applied: readonly string[]): readonly Step[];
}

/**
 * Applies what is pending, up to and including `to`; at most `step` of them in each tenant.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function upTo(names: readonly string[], to?: string, step = Number.POSITIVE_INFINITY): Operation {
  const target = upToIncluding(names, to);
  return {
    target,
    stepsFrom: (applied) => {
      const done = new Set(applied);
      const pending = target.filter((name) => !done.has(name)).slice(0, step);
      return pending.map((name) => ({ name, direction: 'up', run: true }));
    },
  };
}

/**
 * Reverts what comes after `to`, newest first; 0 reverts all.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function downTo(names: readonly string[], to: string | 0): Operation {
  const target = to === 0 ? [] : upToIncluding(names, to);
  const kept = new Set(target);
  return {
    target,
    stepsFrom: (applied) => {
      const done = new Set(applied);
      const undone = names.filter((name) => done.has(name) && !kept.has(name)).toReversed();
      return undone.map((name) => ({ name, direction: 'down', run: true }));
    },
  };
}

/** Reverts the migrations after `to`, or the code's last ones: so many, or one. */
function downBy(names: readonly string[], to: string | 0 | undefined, step = 1): Operation {
  return downTo(names, to ?? names.at(-step - 1) ?? 0);
}

/**
 * What `up` or `down` does.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function towards(
  names: readonly string[],
  direction: Direction,
  to: string | 0 | undefined,
  step: number | undefined,
): Operation {
  return direction === 'down' ? downBy(names, to, step) : upTo(names, to === 0 ? '0' : to, step);
}

/**
 * Marks the migrations up to `to` as applied without running any, and leaves those after it as they are.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function assumeUpTo(names: readonly string[], to: string): Operation {
  const { target, stepsFrom } = upTo(names, to);
  return { target, stepsFrom: (applied) => stepsFrom(applied).map((step) => ({ ...step, run: false })) };
}

/**
 * Marks the migrations up to `to` as applied and those after it as pending, without running any. With `forgetUnknown`, strikes out what the
 * code does not have.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function fakeTo(names: readonly string[], to?: string | 0, forgetUnknown = false): Operation {
  const up = to === 0 ? undefined : upTo(names, to);
  const known = downTo(names, to ?? names.at(-1) ?? 0);
  return {
    target: known.target,
    stepsFrom: (applied) => {
      const unknown = forgetUnknown ? applied.filter((name) => !names.includes(name)) : [];
      const steps = [...(up?.stepsFrom(applied) ?? []), ...known.stepsFrom(applied)];
      const forgotten: Step[] = unknown.map((name) => ({ name, direction: 'down', run: false }));
      return [...forgotten, ...steps.map((step) => ({ ...step, run: false }))];
    },
  };
}

/** What is applied after the steps, in the order of the code; what only newer code knows comes last. */
export function appliedAfter(
  names: readonly string[],
  applied: readonly string[],
  steps: readonly Step[],
): readonly string[] {
  const now = new Set(applied);
  for (const { name, direction } of steps) {
    if (direction === 'up') now.add(name);
    else now.delete(name);
  }
  return [...names.filter((name) => now.has(name)), ...[...now].filter((name) => !names.includes(name))];
}

function upToIncluding(names: readonly string[], to: string | undefined): readonly string[] {
  if (to === undefined) return names;
  const index = names.indexOf(to);
  if (index < 0) {
    const known = names.length > 0 ? `Known: ${names.map((name) => `"${name}"`).join(', ')}.` : 'There are none.';
    throw new TenancyError('MIGRATION_UNKNOWN', `There is no migration "${to}". ${known}`);
  }
  return names.slice(0, index + 1);
}
