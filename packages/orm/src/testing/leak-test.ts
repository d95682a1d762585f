import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Tenancy } from '@omnitenant/core';
import { type CanaryMaker, createCanaries } from './canary.ts';
import type { TestEntityManager } from './kit/session.ts';
import { type Actions, answersKind, createActions, type Driven, resultsKind } from './leak-actions.ts';
import { type LeakApp, openApp } from './leak-app.ts';
import { createLeakReport } from './leak-report.ts';
import {
  type Inspection,
  inspect,
  inspectTenant,
  type LeakProbe,
  type LeakSink,
  probeKind,
  rowsKind,
  sinkKind,
} from './probes.ts';

/** An application, and where its tenants' data could come to light. */
export interface LeakTest extends Driven {
  readonly tenancy: Pick<Tenancy, 'run' | 'outside'>;
  readonly orm: { readonly em: TestEntityManager };
  /** The ids of two or more active tenants, which the test may fill. */
  readonly tenants: readonly string[];
  /** Fills one tenant, in whose scope it runs, with canaries: wherever an application has names, titles, texts. */
  seed(canary: CanaryMaker, tenant: string): unknown;
  /** Who answers the requests. */
  readonly app?: LeakApp;
  /** Further places, read in each tenant's scope. */
  readonly probes?: readonly LeakProbe[];
  /** Further places of the whole process, by name. */
  readonly sinks?: Readonly<Record<string, LeakSink>>;
  /** How often everything is done: once by itself, then interleaved, and at last in a crowd. Default: 4. */
  readonly rounds?: number;
}

/**
 * Drives an application as several tenants, first one request at a time, then interleaved within a scope that ends last, then many
 * at once, and looks for what is one tenant's where it is not: in answers, results, errors, rows, and the places that are named.
 *
 * @throws AssertionError that says whose data was found, in what, during which request; that says what failed, when the
 * application did; or where it saw nothing at all, so that it could not have seen a leak.
 *
 * @example
 * test('nothing leaks', () =>
 *   expectNoLeak({
 *     tenancy,
 *     orm,
 *     tenants: ['acme', 'bloom'],
 *     seed: (canary) => orm.em.insert(Task, { title: canary('title') }),
 *     app,
 *     requests: { 'list tasks': (tenant) => new Request(`http://${tenant}.app.com/tasks`) },
 *   }));
 */
export async function expectNoLeak(test: LeakTest): Promise<void> {
  checkTest(test);
  const { tenancy, orm, tenants, probes = [], sinks = {}, rounds = 4 } = test;
  const canaries = createCanaries();
  const report = createLeakReport(canaries, tenants, kindsOf(test));
  const inspection: Inspection = { tenancy, orm, tenants, probes, sinks, canaries, report };
  const app = test.app === undefined ? undefined : await openApp(test.app);
  try {
    for (const tenant of tenants) {
      await tenancy.run(tenant, () => test.seed(canaries.makerOf(tenant, 'its seed'), tenant));
    }
    await inspect(inspection, 'the seed');
    const actions = createActions(test, { tenancy, tenants, app, canaries, report });
    for (const { label, act } of actions.all) {
      await act('by itself');
      await inspect(inspection, `${label}, by itself`);
    }
    for (let round = 2; round <= rounds; round += 1) await interleave(test, actions, inspection, round);
    if (rounds > 1) await crowd(test, actions, inspection);
  } finally {
    await app?.close();
  }
  report.assertClean();
}

/** Does everything at once, in a scope of one tenant that is there before it and after it. */
async function interleave(
  { tenancy, tenants }: LeakTest,
  { all, called }: Actions,
  inspection: Inspection,
  round: number,
): Promise<void> {
  const when = `interleaved in round ${round}`;
  const outer = tenants[round % tenants.length] as string;
  const first = round % all.length;
  await tenancy.run(outer, async () => {
    for (const { act } of called(outer)) await act(`${when}, before the others`);
    await tenancy.outside(() =>
      Promise.all(
        [...all.slice(first), ...all.slice(0, first)].map(async ({ act }, n) => {
          for (let late = n % 3; late > 0; late -= 1) await turn();
          await act(when);
        }),
      ),
    );
    for (const { act } of called(outer)) await act(`${when}, after the others`);
    await inspectTenant(inspection, outer, `everything ${when}, in the scope of '${outer}' around it`);
  });
  await inspect(inspection, `everything ${when}`);
}

/**
 * Does everything many times at once, one tenant's behind another's: a task queue of the application runs a task in the scope of the
 * task before it, unless it was bound to its own.
 */
async function crowd({ tenancy }: LeakTest, { all }: Actions, inspection: Inspection): Promise<void> {
  const crowded = all.flatMap((action) => Array<typeof action>(crowdSize).fill(action));
  await tenancy.outside(() => Promise.all(crowded.map(({ act }) => act('in a crowd'))));
  await inspect(inspection, 'everything in a crowd');
}

/** How many times each action is done at once: more than the tasks that a queue usually runs at a time. */
const crowdSize = 8;

function checkTest({ tenants, app, requests = {}, functions = {} }: LeakTest): void {
  assert.ok(new Set(tenants).size > 1, 'A leak test needs two tenants or more: with one it cannot fail.');
  assert.ok(
    Object.keys({ ...requests, ...functions }).length > 0,
    'A leak test needs requests or functions: it looks for what they leave behind.',
  );
  assert.ok(app !== undefined || Object.keys(requests).length === 0, 'A leak test with requests needs an app.');
}

/** The kinds of places in which each tenant's canaries must be seen. */
function kindsOf({ requests = {}, functions = {}, probes = [], sinks = {} }: LeakTest): string[] {
  return [
    rowsKind,
    ...(Object.keys(requests).length > 0 ? [answersKind] : []),
    ...(Object.keys(functions).length > 0 ? [resultsKind] : []),
    ...probes.map(({ name }) => probeKind(name)),
    ...Object.keys(sinks).map(sinkKind),
  ];
}
