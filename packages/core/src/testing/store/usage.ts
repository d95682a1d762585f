import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { noUsage, type UsageCounts, type UsageRecord } from '../../models/usage.ts';
import type { TenantStore } from '../../stores/store.ts';
import type { StorePromises } from './promise.ts';

const keepSince = '2026-01-01';

function usageOf({ usage }: TenantStore) {
  assert.ok(usage);
  return usage;
}

function record(tenant: string, counts: Partial<UsageCounts>, more: Partial<UsageRecord> = {}): UsageRecord {
  return { tenant, createdAt: new Date(1_700_000_000_123), day: '2026-11-29', ...noUsage(), ...counts, ...more };
}

function batchOf(...records: readonly UsageRecord[]) {
  return { id: randomUUID(), records, keepSince };
}

/** What usage promises, of a store that keeps it. Each is of ids of its own, because usage outlives its tenants. */
export const usagePromises: StorePromises = {
  async 'usage of several processes adds up, whichever of them writes first'(store) {
    const usage = usageOf(store);
    const pair = (n: number) => [record('alder', { rows: n, jobs: 1 }), record('alder-2', { rows: 1 })];
    const batches = Array.from({ length: 8 }, (_, n) => batchOf(...(n % 2 ? pair(n).reverse() : pair(n))));
    await Promise.all(batches.map((batch) => usage.add(batch)));
    assert.deepEqual(await usage.read({ tenant: 'alder' }), [sum('alder', { rows: 28, jobs: 8 })]);
    assert.deepEqual(await usage.read({ tenant: 'alder-2' }), [sum('alder-2', { rows: 8 })]);
  },

  async 'a batch counts once, however often it is sent'(store) {
    const usage = usageOf(store);
    const batch = batchOf(record('birch', { statements: 3, milliseconds: 2 ** 40 }));
    const answers = await Promise.all([usage.add(batch), usage.add(batch), usage.add(batch)]);
    assert.deepEqual(answers.flat(), batch.records);
    assert.deepEqual(await usage.read({ tenant: 'birch' }), [sum('birch', { statements: 3, milliseconds: 2 ** 40 })]);
  },

  async 'adding tells the sum of the day so far'(store) {
    const usage = usageOf(store);
    await usage.add(batchOf(record('cedar', { cacheBytes: 10 })));
    await usage.add(batchOf(record('cedar', { cacheBytes: 1 }, { day: '2026-11-28' })));
    assert.deepEqual(await usage.add(batchOf(record('cedar', { cacheBytes: 5 }))), [
      record('cedar', { cacheBytes: 15 }),
    ]);
  },

  async 'a tenant has its own usage, and not that of a former tenant with its id'(store) {
    const usage = usageOf(store);
    const later = new Date(1_700_000_000_124);
    await usage.add(batchOf(record('doum', { rows: 2 }, { createdAt: later }), record('doum', { rows: 1 })));
    assert.deepEqual(await usage.read({ tenant: 'doum' }), [
      sum('doum', { rows: 1 }),
      { ...sum('doum', { rows: 2 }), createdAt: later },
    ]);
  },

  async 'usage is read from a day on, and before another'(store) {
    const usage = usageOf(store);
    const days = ['2026-11-27', '2026-11-28', '2026-11-29', '2026-11-30'];
    await usage.add(batchOf(...days.map((day, n) => record('elm', { rows: 10 ** n }, { day }))));
    const rows = async (filter: object) => (await usage.read({ tenant: 'elm', ...filter }))[0]?.rows;
    assert.equal(await rows({}), 1111);
    assert.equal(await rows({ since: '2026-11-28', until: '2026-11-30' }), 110);
    assert.equal(await rows({ since: '2026-12-01' }), undefined);
    assert.equal((await usage.read({ since: '2026-11-27' })).filter(({ tenant }) => tenant === 'elm').length, 1);
  },

  async 'usage is read day by day, of one tenant or of all together'(store) {
    const usage = usageOf(store);
    const on = (tenant: string, day: string, rows: number) => record(tenant, { rows, jobs: 1 }, { day });
    const later = record('ginkgo', { rows: 8 }, { day: '2031-05-02', createdAt: new Date(1_700_000_000_124) });
    await usage.add(
      batchOf(on('ginkgo', '2031-05-02', 2), later, on('ginkgo', '2031-05-01', 1), on('hazel', '2031-05-01', 4)),
    );
    const rows = async (filter: object) =>
      (await usage.days({ since: '2031-05-01', ...filter })).map((sum) => [sum.day, sum.rows, sum.jobs]);
    assert.deepEqual(await rows({}), [
      ['2031-05-01', 5, 2],
      ['2031-05-02', 10, 1],
    ]);
    assert.deepEqual(await rows({ tenant: 'ginkgo', until: '2031-05-02' }), [['2031-05-01', 1, 1]]);
    assert.deepEqual(await rows({ tenant: 'nobody' }), []);
  },

  async 'days that are no longer to be kept are deleted'(store) {
    const usage = usageOf(store);
    await usage.add(batchOf(record('fir', { rows: 1 }, { day: '2026-02-01' }), record('fir', { rows: 2 })));
    await usage.add({ ...batchOf(record('fir', { rows: 4 })), keepSince: '2026-02-02' });
    assert.equal((await usage.read({ tenant: 'fir' }))[0]?.rows, 6);
  },
};

function sum(tenant: string, counts: Partial<UsageCounts>) {
  const { day, ...rest } = record(tenant, counts);
  return rest;
}
