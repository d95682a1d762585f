import { createTenancy, memoryStore } from '@omnitenant/core';
import { afterAll, expect, test } from 'vitest';
import { Queue, Worker } from '../index.ts';

const tenancy = createTenancy({ store: memoryStore() });
afterAll(() => tenancy.close());
// Nothing listens there: options are looked at before anything connects.
const connection = { host: '127.0.0.1', port: 1 };

test.each([
  [{ maxBackLog: 5 }, 'The queue "jobs" has no option "maxBackLog"; did you mean "maxBacklog"?'],
  [{ timezone: () => 'UTC' }, 'The queue "jobs" has no option "timezone"; did you mean "timeZone"?'],
])('a queue refuses %j', (option, message) => {
  expect(() => new Queue('jobs', { connection, ...option })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message }),
  );
});

test.each([
  [{ fairs: true }, 'did you mean "fair"?'],
  [{ tenantof: () => 'acme' }, 'did you mean "tenantOf"?'],
  [{ closedTenant: 'fail' }, 'did you mean "closedTenants"?'],
  [{ holdFor: 1_000 }, 'did you mean "holdForMs"?'],
])('a worker refuses %j', (option, message) => {
  expect(() => new Worker('jobs', async () => {}, { connection, tenancy, ...option })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
  );
});

test('all options of BullMQ are BullMQ’s', async () => {
  const options = {
    ...{ autorun: false, concurrency: 1, connection, drainDelay: 1, limiter: { max: 1, duration: 1 }, lockDuration: 9 },
    ...{ lockRenewTime: 4, maxStalledCount: 1, maxStartedAttempts: 1, maximumRateLimitDelay: 1, name: 'one' },
    ...{
      prefix: 'p',
      removeOnComplete: { count: 1 },
      removeOnFail: { count: 1 },
      runRetryDelay: 1,
      settings: {},
      skipLockRenewal: true,
    },
    ...{ skipStalledCheck: true, skipVersionCheck: true, skipWaitingForReady: true, stalledInterval: 1, tenancy },
  };
  const worker = new Worker('jobs', undefined, options);
  worker.on('error', () => {});
  await worker.close(true);
});
