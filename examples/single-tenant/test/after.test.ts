import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { resource } from '@omnitenant/core/extend';
import { createOrm } from '@omnitenant/orm';
import { expectNoLeak } from '@omnitenant/orm/testing';
import { testDatabase } from '@omnitenant/tooling';
import { test } from 'vitest';
import { createApp } from '../after/src/app.ts';
import { Category, Product } from '../after/src/entities/catalogue.ts';
import { config } from '../after/src/mikro-orm.config.ts';
import { openShop } from '../after/src/shop.ts';
import { startShop as startBefore } from '../before/test/server.ts';

test('the shop that there was is the first tenant, in its database as it is', async () => {
  await using old = await testDatabase();
  await using central = await testDatabase();
  await using before = await sellLamp(old.url);

  await addShop(central.url, 'acme', '--adopt', old.name);
  await addShop(central.url, 'bloom');
  await using after = await serve(central.url);

  assert.deepEqual(await after.get('acme', '/customers/ada@mail.test'), await before.get('/customers/ada@mail.test'));
  assert.deepEqual(await after.get('acme', '/menu'), [{ name: 'Lamps', products: 1 }]);
  assert.deepEqual(await after.get('bloom', '/menu'), []);
  for await (const { pending } of after.shop.orm.migrations.status()) assert.deepEqual(pending, []);

  // The way back is open: the old version goes on with the database, also when the tenant is given up.
  await after.shop.tenancy.tenants.remove('acme');
  assert.equal((await before.fetch('/products/moon')).status, 200);
});

test('or its tables move into a schema within their database', async () => {
  await using database = await testDatabase();
  const before = await sellLamp(database.url);
  const was = await before.get('/customers/ada@mail.test');
  await before.close();

  await using after = await serve(database.url);
  const { tenancy, em } = after.shop;
  await tenancy.central(() => em.execute('alter schema public rename to t_acme; create schema public'));
  await tenancy.tenants.adopt({ id: 'acme' });
  assert.deepEqual(await after.get('acme', '/customers/ada@mail.test'), was);
});

test('there is no migration to make: the snapshot of the entities is known', async () => {
  const path = await mkdtemp(join(tmpdir(), 'migrations-'));
  try {
    await cp(new URL('../after/migrations', import.meta.url), path, { recursive: true });
    const orm = await createOrm({ ...config('postgres://localhost/nowhere'), migrations: { path } });
    assert.deepEqual(await orm.migrations.create(), { path: undefined, up: [], down: [], warnings: [] });
    await orm[resource].end?.();
  } finally {
    await rm(path, { recursive: true });
  }
});

test('no shop is shown what is another’s, however their requests overlap', async () => {
  await using database = await testDatabase();
  const tenants = ['acme', 'bloom'];
  for (const id of tenants) await addShop(database.url, id);
  await using after = await serve(database.url);
  const { tenancy, orm, em } = after.shop;
  await expectNoLeak({
    ...{ tenancy, orm, tenants },
    app: createApp(after.shop),
    seed: async (canary) => {
      const category = em.create(Category, { slug: 'lamps', name: canary('category') });
      em.create(Product, { slug: 'moon', name: canary('product'), price: 4900, category });
      await em.flush();
    },
    requests: {
      menu: (tenant) => new Request(`http://${tenant}.localhost/menu`),
      product: (tenant) => new Request(`http://${tenant}.localhost/products/moon`),
      'add a customer': (tenant, canary) =>
        new Request(`http://${tenant}.localhost/customers`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ email: canary('email'), name: 'Ada', street: canary('street'), city: 'Leeds' }),
        }),
    },
  });
});

/** The old shop, with a customer and an order. */
async function sellLamp(url: string) {
  const shop = await startBefore(url);
  const post = (path: string, body: object) => shop.fetch(path, { method: 'POST', body: JSON.stringify(body) });
  await post('/categories', { slug: 'lamps', name: 'Lamps' });
  await post('/products', { slug: 'moon', name: 'Moon', price: 4900, stock: 5, category: 'lamps' });
  await post('/customers', { email: 'ada@mail.test', name: 'Ada', street: 'High Street 1', city: 'Leeds' });
  const { status } = await post('/orders', { email: 'ada@mail.test', lines: [{ product: 'moon', quantity: 1 }] });
  assert.equal(status, 201);
  const get = async (path: string): Promise<unknown> => (await shop.fetch(path)).json();
  return { ...shop, get, [Symbol.asyncDispose]: shop.close };
}

async function addShop(url: string, ...args: readonly string[]): Promise<void> {
  const script = new URL('../after/src/add-shop.ts', import.meta.url).pathname;
  const env = { ...process.env, NODE_OPTIONS: '', DATABASE_URL: url };
  await promisify(execFile)(process.execPath, ['--conditions=@omnitenant/source', script, ...args], { env });
}

/** The new shops, asked as a proxy would. */
async function serve(url: string) {
  const shop = await openShop(url);
  await shop.tenancy.migrateCentral();
  const server = createApp(shop).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    shop,
    async get(tenant: string, path: string): Promise<unknown> {
      const headers = { connection: 'close', 'x-forwarded-host': `${tenant}.localhost` };
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
      assert.equal(response.status, 200);
      return response.json();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
      await shop.tenancy.close();
    },
  };
}
