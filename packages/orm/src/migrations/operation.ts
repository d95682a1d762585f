import { TenancyError } from '@omnitenant/core';
import type { Direction } from './migration-set.ts';

/** One migration to be run, or only to be written down or struck out, in one tenant. */
export interface Step {
  readonly name: string;
  readonly direction: Direction;
  readonly run: boolean;
}

/** What is to be done, wherever a tenant stands. */
export interface Operation {
  /** The migrations that a tenant has when it is done. */
  readonly target: readonly string[];
  /** The steps that lead there from what is applied. */
  stepsFrom(applied: readonly string[]): readonly Step[];
}

/**
 * Applies what is missing, up to and including `to`.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function upTo(names: readonly string[], to?: string): Operation {
  const target = upToAndWith(names, to);
  return {
    target,
    stepsFrom: (applied) => {
      const done = new Set(applied);
      return target.filter((name) => !done.has(name)).map((name) => ({ name, direction: 'up', run: true }));
    },
  };
}

/**
 * Undoes what came after `to`, newest first; 0 undoes all.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function downTo(names: readonly string[], to: string | 0): Operation {
  const target = to === 0 ? [] : upToAndWith(names, to);
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

/**
 * Writes down as applied what is up to `to`, running nothing, and leaves what comes after as it is.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function assumeUpTo(names: readonly string[], to: string): Operation {
  const { target, stepsFrom } = upTo(names, to);
  return { target, stepsFrom: (applied) => stepsFrom(applied).map((step) => ({ ...step, run: false })) };
}

/**
 * Writes down as applied what is up to `to`, and strikes out what comes after, running nothing.
 *
 * @throws MIGRATION_UNKNOWN
 */
export function fakeTo(names: readonly string[], to?: string | 0): Operation {
  const up = to === 0 ? undefined : upTo(names, to);
  const down = downTo(names, to ?? names.at(-1) ?? 0);
  return {
    target: down.target,
    stepsFrom: (applied) =>
      [...(up?.stepsFrom(applied) ?? []), ...down.stepsFrom(applied)].map((step) => ({ ...step, run: false })),
  };
}

/** What is applied after the steps, in the order of the code; what only a newer code knows comes last. */
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

function upToAndWith(names: readonly string[], to: string | undefined): readonly string[] {
  if (to === undefined) return names;
  const index = names.indexOf(to);
  if (index < 0) {
    const known = names.length > 0 ? `There are: ${names.join(', ')}.` : 'There are none.';
    throw new TenancyError('MIGRATION_UNKNOWN', `There is no migration '${to}'. ${known}`);
  }
  return names.slice(0, index + 1);
}
