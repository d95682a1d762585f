import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Tenant } from '../models/tenant.ts';
import { noUsage, type UsageCounts } from '../models/usage.ts';
import { currentScope, usageOf } from '../scope/context.ts';
import { memoryStore } from '../stores/memory.ts';
import type { TenantStore } from '../stores/store.ts';
import type { UsageBatch } from '../stores/usage.ts';
import { createTenancy, type Tenancy } from '../tenancy.ts';
import type { UsageOptions } from './usage-options.ts';

const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-29T10:20:00Z') });
});

afterEach(() => {
  vi.useRealTimers();
});

const onError = vi.fn();

/** A process of an application: each has a tenancy of its own, and all have one store. */
function start(store: TenantStore, usage: boolean | UsageOptions = true): Tenancy {
  return createTenancy({ store, usage, onError });
}

function use(tenancy: Tenancy, id: string, counts: Partial<UsageCounts>): Promise<void> {
  return tenancy.run(id, () => {
    const used = usageOf(currentScope());
    if (used === undefined) throw new Error('Nothing is counted.');
    for (const [name, count] of Object.entries(counts)) used[name as 'rows'] += count;
  });
}

async function rowsOf(tenancy: Tenancy, tenant: string): Promise<number[]> {
  return (await tenancy.usage({ tenant })).map(({ rows }) => rows);
}

test('what tenants use at once is counted for each, and central is not counted', async () => {
  const tenancy = start(memoryStore());
  const tenants: Tenant[] = [];
  for (const id of ['acme', 'birch', 'cobalt']) tenants.push(await tenancy.tenants.create({ id }));
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => use(tenancy, tenants[n % 3]?.id ?? '', { rows: n % 3, milliseconds: 0.25 })),
  );
  await tenancy.central(() => expect(usageOf(currentScope())).toBeUndefined());
  expect(usageOf(currentScope())).toBeUndefined();
  expect(await tenancy.usage()).toEqual(
    tenants.map(({ id, createdAt }, n) => ({ tenant: id, createdAt, ...noUsage(), rows: 10 * n, milliseconds: 3 })),
  );
});

test('nothing is counted without the option, and others’ usage can be read', async () => {
  const store = memoryStore();
  const counting = start(store);
  const reading = start(store, false);
  await counting.tenants.create({ id: 'acme' });
  await use(counting, 'acme', { rows: 1 });
  await reading.run('acme', () => expect(usageOf(currentScope())).toBeUndefined());
  expect(await rowsOf(reading, 'acme')).toEqual([]);
  await counting.close();
  expect(await rowsOf(reading, 'acme')).toEqual([1]);
});

test('processes add up, also one that is closed, and one that is killed loses what it has not written', async () => {
  const store = memoryStore();
  const [one, other, killed] = [start(store), start(store), start(store)];
  await one.tenants.create({ id: 'acme' });
  await use(killed, 'acme', { rows: 100 });
  await vi.advanceTimersByTimeAsync(hourMs);
  await use(one, 'acme', { rows: 1 });
  await use(other, 'acme', { rows: 10 });
  await use(killed, 'acme', { rows: 1_000 });
  await other.close();
  expect(await rowsOf(one, 'acme')).toEqual([111]);
});

test('usage is written each hour, and what was counted before midnight belongs to that day', async () => {
  const store = memoryStore();
  const told: unknown[] = [];
  const tenancy = start(store, { onUsage: (usage) => void told.push(...usage.map(({ day, rows }) => [day, rows])) });
  await tenancy.tenants.create({ id: 'acme' });
  await use(tenancy, 'acme', { rows: 1 });
  await vi.advanceTimersByTimeAsync(39 * 60_000);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  expect(told).toEqual([['2026-11-29', 1]]);
  vi.setSystemTime(new Date('2026-11-29T23:30:00Z'));
  await use(tenancy, 'acme', { rows: 10 });
  await tenancy.usage();
  vi.setSystemTime(new Date('2026-11-29T23:59:59Z'));
  await use(tenancy, 'acme', { rows: 20 });
  await vi.advanceTimersByTimeAsync(hourMs);
  await use(tenancy, 'acme', { rows: 40 });
  await tenancy.close();
  expect(told.slice(1)).toEqual([
    ['2026-11-29', 10],
    ['2026-11-29', 20],
    ['2026-11-30', 40],
  ]);
  expect(vi.getTimerCount()).toBe(0);
  const since = new Date('2026-11-30T18:00:00Z');
  expect(await start(store, false).usage({ since })).toMatchObject([{ rows: 40 }]);
});

test('a tenant that is created again has numbers of its own, also while the former one is at work', async () => {
  const tenancy = start(memoryStore());
  await tenancy.tenants.create({ id: 'acme' });
  const removed = Promise.withResolvers<void>();
  const former = tenancy.run('acme', async () => {
    const scope = currentScope();
    await removed.promise;
    const used = usageOf(scope);
    if (used !== undefined) used.rows += 1;
  });
  await vi.advanceTimersByTimeAsync(1);
  await tenancy.tenants.remove('acme');
  await tenancy.tenants.create({ id: 'acme' });
  await use(tenancy, 'acme', { rows: 10 });
  removed.resolve();
  await former;
  expect(await rowsOf(tenancy, 'acme')).toEqual([1, 10]);
});

test('usage whose writing was not answered is sent again, and written once', async () => {
  onError.mockClear();
  const store = memoryStore();
  const losing = vi.fn(async (batch: UsageBatch) => {
    const sums = await store.usage?.add(batch);
    if (losing.mock.calls.length === 1) throw new Error('connection lost');
    return sums ?? [];
  });
  const tenancy = start({
    ...store,
    usage: { read: async (filter) => (await store.usage?.read(filter)) ?? [], days: async () => [], add: losing },
  });
  await tenancy.tenants.create({ id: 'acme' });
  await use(tenancy, 'acme', { rows: 1 });
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }), {});
  await use(tenancy, 'acme', { rows: 10 });
  expect(await rowsOf(tenancy, 'acme')).toEqual([11]);
  expect(losing).toHaveBeenCalledTimes(3);
});

test('closing waits a few seconds for usage to be written, and says that it was lost', async () => {
  onError.mockClear();
  const store = memoryStore();
  const tenancy = createTenancy({
    store: { ...store, usage: { ...store.usage, add: () => new Promise(() => {}) } as never },
    usage: true,
    onError,
  });
  await tenancy.tenants.create({ id: 'acme' });
  await use(tenancy, 'acme', { rows: 1 });
  const closed = tenancy.close();
  await vi.advanceTimersByTimeAsync(5_000);
  await closed;
  expect(onError).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ message: expect.stringContaining('lost') }),
    {},
  );
});

test('a limit that all processes together pass is told once a day, and refuses nothing', async () => {
  const store = memoryStore();
  const limits = ({ id }: Tenant) => (id === 'free' ? { rows: 100, jobs: 1 } : undefined);
  const processes = [start(store, { limits }), start(store, { limits })];
  const told: unknown[] = [];
  for (const { signals } of processes) {
    signals.on('usageExceeded', ({ tenant, ...event }) => void told.push([tenant.id, event]));
  }
  for (const id of ['free', 'paid']) await processes[0]?.tenants.create({ id });
  for (const process of [...processes, ...processes]) {
    for (const id of ['free', 'paid']) await use(process, id, { rows: 50 });
    await process.usage();
  }
  const exceeded = ['free', { what: 'rows', limit: 100, used: 150, day: '2026-11-29' }];
  expect(told).toEqual([exceeded]);
  vi.setSystemTime(new Date('2026-11-30T00:10:00Z'));
  await processes[0]?.usage();
  await vi.advanceTimersByTimeAsync(hourMs);
  for (const process of processes) await use(process, 'free', { rows: 101 });
  await Promise.all(processes.map((process) => process.close()));
  expect(told).toEqual([exceeded, ['free', { what: 'rows', limit: 100, used: 101, day: '2026-11-30' }]]);
});

test('whoever bills and fails is reported, and nothing is counted twice', async () => {
  onError.mockClear();
  const bill = new Error('the bill could not be sent');
  const tenancy = start(memoryStore(), { onUsage: () => Promise.reject(bill) });
  await tenancy.tenants.create({ id: 'acme' });
  await use(tenancy, 'acme', { rows: 1 });
  expect(await rowsOf(tenancy, 'acme')).toEqual([1]);
  expect(await rowsOf(tenancy, 'acme')).toEqual([1]);
  expect(onError).toHaveBeenCalledExactlyOnceWith(bill, {});
});

test('whoever is told may ask for the usage, and one who never answers stops no writing', async () => {
  const found: unknown[] = [];
  const tenancy: Tenancy = start(memoryStore(), {
    limits: { rows: 1 },
    onUsage: () => new Promise(() => {}),
  });
  const other: Tenancy = start(memoryStore(), {
    limits: { rows: 1 },
    onUsage: async () => void found.push(await rowsOf(other, 'acme')),
  });
  other.signals.on('usageExceeded', async () => void found.push(await rowsOf(other, 'acme')));
  for (const each of [tenancy, other]) await each.tenants.create({ id: 'acme' });
  for (const each of [tenancy, other, tenancy]) await use(each, 'acme', { rows: 2 });
  expect(await rowsOf(tenancy, 'acme')).toEqual([4]);
  await use(tenancy, 'acme', { rows: 2 });
  expect(await rowsOf(tenancy, 'acme')).toEqual([6]);
  await rowsOf(other, 'acme');
  await other.close();
  expect(found).toEqual([[2], [2]]);
});

test('options that make no sense are refused', async () => {
  const wrong = [
    { flushMs: 0 },
    { keepDays: 1.5 },
    { keepDays: Number.MAX_SAFE_INTEGER },
    { flush: 1 },
    { limits: { statement: 1 } },
    { limits: { rows: -1 } },
    { onUsage: 'mail' },
    'daily',
  ];
  for (const usage of wrong) {
    expect(() => start(memoryStore(), usage as never), JSON.stringify(usage)).toThrow(/createTenancy\({ usage }\)/);
  }
  const { usage, ...without } = memoryStore();
  expect(() => start(without)).toThrow('requires a store that keeps usage');
  await expect(start(without, false).usage()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
