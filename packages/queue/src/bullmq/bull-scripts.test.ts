import { expect, test } from 'vitest';
import { bullScripts } from './bull-scripts.ts';

// What is leaned on here is BullMQ's own business: a version that changes it has workers refused that are to be fair.

test.each([
  ['moveToActive', 11],
  ['moveToFinished', 14],
  ['moveToDelayed', 11],
  ['retryJob', 11],
  ['moveToWaitingChildren', 7],
  ['moveJobFromActiveToWait', 9],
])('BullMQ says what its script %s is, and how many keys it takes', (name, numberOfKeys) => {
  expect(bullScripts().get(name)).toMatchObject({ numberOfKeys, lua: expect.stringContaining('KEYS[1]') });
});
