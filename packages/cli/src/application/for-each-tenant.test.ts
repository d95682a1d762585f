import type { Tenant } from '@omnitenant/core';
import { expect, test } from 'vitest';
import type { Step } from '../terminal/progress.ts';
import { forEachTenant } from './for-each-tenant.ts';

const tenants = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }) as Tenant);

interface Run {
  readonly started: string[];
  /** Ends the work in a tenant, well or not. */
  readonly end: Map<string, (error?: Error) => void>;
  readonly steps: Step[];
}

function start(options: { concurrency: number; maxFailures?: number; signal?: AbortSignal }) {
  const run: Run = { started: [], end: new Map(), steps: [] };
  const outcome = forEachTenant({
    tenants,
    signal: new AbortController().signal,
    ...options,
    work: ({ id }) =>
      new Promise<void>((resolve, reject) => {
        run.started.push(id);
        run.end.set(id, (error) => (error ? reject(error) : resolve()));
      }),
    onStep: (step) => run.steps.push(step),
  });
  async function end(id: string, error?: Error) {
    run.end.get(id)?.(error);
    await new Promise(setImmediate);
  }
  return { run, outcome, end };
}

test('starts tenants in their order, so many at a time', async () => {
  const { run, outcome, end } = start({ concurrency: 2 });
  expect(run.started).toEqual(['a', 'b']);
  await end('b');
  expect(run.started).toEqual(['a', 'b', 'c']);
  for (const id of ['c', 'a', 'd', 'e']) await end(id);
  expect(await outcome).toEqual({ succeeded: 5, failed: [], remaining: [] });
  expect(run.steps.map(({ tenant, done, total }) => `${tenant} ${done}/${total}`)).toEqual([
    'b 1/5',
    'c 2/5',
    'a 3/5',
    'd 4/5',
    'e 5/5',
  ]);
});

test('one that fails stops nobody else, before too many have', async () => {
  const { run, outcome, end } = start({ concurrency: 1, maxFailures: 1 });
  await end('a', new Error('no'));
  await end('b');
  await end('c', new Error('no'));
  const { succeeded, failed, remaining } = await outcome;
  expect(run.started).toEqual(['a', 'b', 'c']);
  expect({ succeeded, failed: failed.map(({ tenant }) => tenant), remaining: remaining.map(({ id }) => id) }).toEqual({
    succeeded: 1,
    failed: ['a', 'c'],
    remaining: ['d', 'e'],
  });
});

test('once aborted, what is under way is finished and nothing is started', async () => {
  const controller = new AbortController();
  const { run, outcome, end } = start({ concurrency: 2, signal: controller.signal });
  controller.abort();
  await end('a');
  await end('b');
  expect((await outcome).remaining.map(({ id }) => id)).toEqual(['c', 'd', 'e']);
  expect(run.started).toEqual(['a', 'b']);
});
