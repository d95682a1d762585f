import type { Health, HealthCheck } from '@omnitenant/core';
import { expect, test } from 'vitest';
import { watchHealth } from './watch-health.ts';

test('only what changes is told, and the last look is the result', async () => {
  const check = (name: string, status: HealthCheck['status'], reason?: string): HealthCheck => ({
    name,
    status,
    ms: Math.random(),
    reason,
  });
  const looks = [
    [check('store', 'ok'), check('redis', 'ok')],
    [check('store', 'failed', 'It is down.'), check('redis', 'ok')],
    [check('store', 'failed', 'It is down.'), check('redis', 'ok')],
    [check('store', 'ok'), check('redis', 'warning', 'It is slow.')],
    [check('store', 'ok'), check('redis', 'warning', 'It is slower.')],
  ].map((checks): Health => ({ live: true, ready: checks.every(({ status }) => status !== 'failed'), checks }));
  const controller = new AbortController();
  const [first, ...later] = looks;
  const told: unknown[] = [];
  async function look(): Promise<Health> {
    const next = later.shift();
    if (later.length === 0) controller.abort();
    return next as Health;
  }
  const last = await watchHealth(look, first as Health, {
    everyMs: 0,
    signal: controller.signal,
    onChange: ({ name, status, reason }) => told.push([name, status, reason]),
  });
  expect(told).toEqual([
    ['store', 'failed', 'It is down.'],
    ['store', 'ok', undefined],
    ['redis', 'warning', 'It is slow.'],
    ['redis', 'warning', 'It is slower.'],
  ]);
  expect(last).toBe(looks.at(-1));
});
