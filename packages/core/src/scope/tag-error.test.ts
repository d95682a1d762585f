import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { logFields } from '../observability/log-fields.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

async function open() {
  const tenancy = createTenancy({ store: memoryStore() });
  for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
  return tenancy;
}

function failing(error: unknown) {
  return () => {
    throw error;
  };
}

test('an error that leaves a scope has its tenant, which no copy, comparison or log of it shows', async () => {
  const tenancy = await open();
  const error = new Error('no');
  await expect(tenancy.run('acme', failing(error))).rejects.toBe(error);
  expect(error).toHaveProperty('tenant', 'acme');
  expect({ ...error }).toEqual({});
  expect(inspect(error)).not.toContain('acme');
  expect(logFields({ err: error })).toEqual({ tenant: 'acme' });
  expect(await tenancy.run('beta', () => logFields({ err: error }))).toEqual({ tenant: 'beta' });
});

test('of nested scopes it is the one that the error was thrown in; central has none', async () => {
  const tenancy = await open();
  const inner = new Error('inner');
  const central = new Error('central');
  const nested = tenancy.run('acme', () => tenancy.run('beta', failing(inner)));
  await expect(nested).rejects.toHaveProperty('tenant', 'beta');
  await expect(tenancy.central(failing(central))).rejects.not.toHaveProperty('tenant');
  await expect(tenancy.run('acme', () => tenancy.central(failing(central)))).rejects.toHaveProperty('tenant', 'acme');
});

test('an error that is thrown again and again has the tenant of the last time', async () => {
  const tenancy = await open();
  const known = new Error('sold out');
  for (const id of ['acme', 'beta', 'acme']) {
    await expect(tenancy.run(id, failing(known))).rejects.toHaveProperty('tenant', id);
  }
});

test('what has a tenant keeps it, and what cannot be changed is thrown as it is', async () => {
  const tenancy = await open();
  class Sold extends Error {
    readonly tenant = 'mine';
  }
  const frozen = Object.freeze(new Error('no'));
  const proxy = new Proxy(new Error('no'), { defineProperty: failing(new TypeError('never')) });
  await expect(tenancy.run('acme', failing(new Sold()))).rejects.toHaveProperty('tenant', 'mine');
  await expect(tenancy.run('acme', failing(frozen))).rejects.toBe(frozen);
  await expect(tenancy.run('acme', failing(proxy))).rejects.toBe(proxy);
  await expect(tenancy.run('acme', failing('a text'))).rejects.toBe('a text');
});
