import { AssertionError } from 'node:assert/strict';
import type { Canaries, Canary, FoundCanary } from './canary.ts';
import { textOf } from './text-of.ts';

/** Somewhere that canaries turn up. */
interface Place {
  /** What it is, such as `the table "note"`. */
  readonly what: string;
  /** The kind of place, which must show each tenant's canaries at least once. */
  readonly kind: string;
  /** Whose it is: only their canaries belong there. */
  readonly of: readonly string[];
  /** What was going on. */
  readonly during: string;
}

/** What a leak test has seen. */
export interface LeakReport {
  /** Looks through anything that was found at a place. */
  look(place: Place, value: unknown): void;
  /** Notes the status of an answer: each request must succeed once. */
  answered(what: string, status: number): void;
  /** Notes that the application failed to do what it was asked. */
  fail(what: string, error: unknown): void;
  /** @throws AssertionError that tells the leaks; or else what failed; or else where the test could see nothing. */
  assertClean(): void;
}

interface Leak extends FoundCanary {
  readonly place: Place;
}

export function createLeakReport(canaries: Canaries, tenants: readonly string[], kinds: readonly string[]): LeakReport {
  const leaks = new Map<string, Leak>();
  const failures = new Map<string, unknown>();
  const seen = new Set<Canary | string>();
  const statuses = new Map<string, readonly number[]>();

  return {
    look: (place, value) => {
      for (const { canary, excerpt } of canaries.find(textOf(value))) {
        seen.add(canary).add(sight(place.kind, canary.tenant));
        const key = JSON.stringify([place.what, place.of, canary.tenant]);
        if (!place.of.includes(canary.tenant) && !leaks.has(key)) leaks.set(key, { canary, excerpt, place });
      }
    },
    answered: (what, status) => {
      statuses.set(what, [...(statuses.get(what) ?? []), status]);
    },
    fail: (what, error) => {
      if (!failures.has(what)) failures.set(what, error);
    },
    assertClean: () => {
      if (leaks.size > 0) throw broken(tellLeaks([...leaks.values()]));
      if (failures.size > 0) throw broken(tellFailures([...failures]), [...failures.values()][0]);
      const unseen = [...canaries.all]
        .filter((canary) => !seen.has(canary))
        .map(({ tenant, name, origin }) => `the canary "${name}" of '${tenant}', made by ${origin}, was seen nowhere`);
      const blind = kinds
        .map((kind) => [kind, tenants.filter((tenant) => !seen.has(sight(kind, tenant)))] as const)
        .filter(([, missing]) => missing.length > 0)
        .map(([kind, missing]) => `${kind} showed no canary of ${missing.map((tenant) => `'${tenant}'`).join(', ')}`);
      const unanswered = [...statuses]
        .filter(([, all]) => all.every((status) => status >= 400))
        .map(([what, all]) => `${what} was answered ${[...new Set(all)].join(', ')} and nothing else`);
      const reasons = [...unanswered, ...blind, ...unseen];
      if (reasons.length > 0) throw broken(tellBlind(reasons));
    },
  };
}

function sight(kind: string, tenant: string): string {
  return JSON.stringify([kind, tenant]);
}

function broken(message: string, cause?: unknown): AssertionError {
  return Object.assign(new AssertionError({ message }), cause === undefined ? {} : { cause });
}

function tellLeaks([first, ...others]: readonly Leak[]): string {
  const { canary, place, excerpt } = first as Leak;
  return [
    `A tenant's data is where it does not belong.`,
    '',
    `  whose    '${canary.tenant}': its canary "${canary.name}" (${canary.text}), made by ${canary.origin}`,
    `  found    in ${place.what}, ${owners(place)}`,
    `  during   ${place.during}`,
    `  excerpt  ${excerpt}`,
    ...(others.length > 0 ? ['', `and ${others.length} more:`] : []),
    ...items(others.map((leak) => `that of '${leak.canary.tenant}' in ${leak.place.what}, ${owners(leak.place)}`)),
  ].join('\n');
}

function owners({ of }: Place): string {
  return of.length === 0 ? 'which names no tenant' : `which is of ${of.map((tenant) => `'${tenant}'`).join(' and ')}`;
}

function tellFailures(failures: readonly (readonly [string, unknown])[]): string {
  return [
    'The application failed, so that no leak could be looked for:',
    ...items(failures.map(([what, error]) => `${what}: ${error}`)),
  ].join('\n');
}

function tellBlind(reasons: readonly string[]): string {
  return ['The leak test is blind: it would not see a leak where it sees nothing.', ...items(reasons)].join('\n');
}

const most = 8;

function items(lines: readonly string[]): string[] {
  return [
    ...lines.slice(0, most).map((line) => `  - ${line}`),
    ...(lines.length > most ? [`  - … ${lines.length - most} more`] : []),
  ];
}
