import { expect, test } from 'vitest';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

async function fleet(count: number) {
  const tenancy = createTenancy({ store: memoryStore() });
  for (let n = 0; n < count; n += 1) await tenancy.tenants.create({ id: `t${n}` });
  return tenancy;
}

async function collect<R>(results: AsyncIterable<R>): Promise<R[]> {
  const all: R[] = [];
  for await (const result of results) all.push(result);
  return all;
}

test('each gives the result of every active tenant, made in its scope, and says how many are done', async () => {
  await using tenancy = await fleet(5);
  await tenancy.tenants.suspend('t3');
  const results = await collect(tenancy.each((tenant) => `${tenant.id} in ${tenancy.current().id}`));
  expect(results.map(({ value }) => value).sort()).toEqual(['t0 in t0', 't1 in t1', 't2 in t2', 't4 in t4']);
  expect(results.map(({ done }) => done)).toEqual([1, 2, 3, 4]);
});

test('the body of the loop is in the scope that it was in before, never in a tenant’s', async () => {
  await using tenancy = await fleet(3);
  for await (const _ of tenancy.each(async () => 1)) expect(tenancy.tryCurrent()).toBeUndefined();
  await tenancy.run('t0', async () => {
    for await (const { value } of tenancy.each(async () => tenancy.current().id)) {
      expect(tenancy.current().id).toBe('t0');
      expect(value).toMatch(/^t[012]$/);
    }
  });
});

test('no more tenants are visited at once than asked for, and no more are begun than are taken', async () => {
  await using tenancy = await fleet(9);
  const inside = { now: 0, most: 0, begun: 0 };
  const results = tenancy.each(
    async () => {
      inside.begun += 1;
      inside.most = Math.max(inside.most, ++inside.now);
      await Promise.resolve();
      inside.now -= 1;
    },
    { concurrency: 2 },
  );
  for await (const { done } of results) {
    expect(inside.begun).toBeLessThanOrEqual(done + 1);
    if (done === 4) break;
  }
  expect(inside.most).toBeLessThanOrEqual(2);
  expect(inside.begun).toBeLessThanOrEqual(5);
  expect(tenancy.stats().scopes.open).toBe(0);
});

test('the first error ends the iteration, and with onError its tenant is left out', async () => {
  await using tenancy = await fleet(4);
  function fail(tenant: { id: string }) {
    if (tenant.id === 't1') throw new Error('of t1');
    return tenant.id;
  }
  await expect(collect(tenancy.each(fail))).rejects.toThrow('of t1');
  const errors: unknown[] = [];
  const onError = (error: unknown, tenant: string) => void errors.push([tenant, (error as Error).message]);
  const results = await collect(tenancy.each(fail, { onError }));
  expect(results.map(({ value }) => value).sort()).toEqual(['t0', 't2', 't3']);
  expect(results.at(-1)?.done).toBeGreaterThanOrEqual(3);
  expect(errors).toEqual([['t1', 'of t1']]);
});

test('tenants may be named, each is visited once, and one that cannot be entered is an error', async () => {
  await using tenancy = await fleet(3);
  const named = await collect(tenancy.each(({ id }) => id, { tenants: ['t2', 't0', 't2'], concurrency: 1 }));
  expect(named.map(({ value }) => value)).toEqual(['t2', 't0']);
  await expect(collect(tenancy.each(() => 1, { tenants: ['nobody'] }))).rejects.toMatchObject({
    code: 'TENANT_UNKNOWN',
  });
  await expect(collect(tenancy.each(() => 1, { concurrency: 0 }))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
