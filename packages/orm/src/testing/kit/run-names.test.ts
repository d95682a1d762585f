import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isTenantId } from '@omnitenant/core/extend';
import { expect, test } from 'vitest';
import { isOfEndedRun, runNames } from './run-names.ts';

const day = 24 * 60 * 60 * 1000;

test('two workers of one process have names of their own, which are tenants’ ids', () => {
  const [one, another] = [runNames(), runNames()];
  const ids = [one(), one(), another(), another()];
  expect(new Set(ids).size).toBe(4);
  expect(ids.filter(isTenantId)).toEqual(ids);
});

test('a run has ended when its process has', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  const own = runNames()();
  const theirs = own.replace(`-${process.pid.toString(36)}-`, `-${(child.pid ?? 0).toString(36)}-`);
  await once(child, 'close');
  expect([own, theirs].map((id) => isOfEndedRun(id))).toEqual([false, true]);
});

test('a run of another machine has ended after a day', () => {
  const [, machine, , began, worker, n] = runNames()().split('-');
  const foreign = ['test', machine === 'abcd' ? 'dcba' : 'abcd', 'zzzzz', began, worker, n].join('-');
  expect(isOfEndedRun(foreign)).toBe(false);
  expect(isOfEndedRun(foreign, Date.now() + day + 2000)).toBe(true);
});

test.each(['acme', 'test', 'test-1', 'test-abcd-1-2', 'my-test-abcd-1-2-w00abcd-1'])('%s is no name of a run', (id) => {
  expect(isOfEndedRun(id)).toBe(false);
});
