import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, isTenancyError, type TenancyOptions } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { obtainable, plainDatabase, testPgBouncer } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';

/** One process of the library. Its tenants have files as well, at whose end it can be held. */
async function openProcess(url: string, name: string, verbs?: TenancyOptions['verbs']) {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  let isHeld = false;
  const files = defineResource({
    name: 'files',
    open: () => ({}),
    destroy: async () => {
      if (!isHeld) return;
      reached.resolve();
      await go.promise;
    },
  });
  const orm = await createOrm(
    defineConfig({
      clientUrl: url,
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    }),
    { shared: [Country], names: { database: (id) => `${name}_${id}` } },
  );
  const tenancy = createTenancy({ resources: [orm, files], verbs });
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    tenants: tenancy.tenants,
    /** The next removal or repair stops before anything of the database is destroyed. */
    hold: () => {
      isHeld = true;
      return { reached: reached.promise, go: go.resolve };
    },
    async create(id: string, isolation: string) {
      await tenancy.tenants.create({ id, isolation });
      await tenancy.run(id, () => orm.em.insert(Author, { name: 'first' }));
    },
    count: (id: string) => tenancy.run(id, () => orm.em.count(Author)),
  };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error) => (isTenancyError(error) ? error.code : error),
  );
}

describe.each(['schema', 'row', 'database'])('a tenant of isolation %s', (isolation) => {
  test('that two processes remove is removed once, and its successor is not touched', async () => {
    await using database = await plainDatabase();
    const slow = await openProcess(database.url, database.name);
    const quick = await openProcess(database.url, database.name);
    await quick.create('acme', isolation);
    const { reached, go } = slow.hold();
    const first = slow.tenants.remove('acme');
    await reached;
    const second = quick.tenants.remove('acme');
    const successor = second.then(() => quick.create('acme', isolation));
    go();
    await Promise.all([first, successor]);
    expect(await quick.count('acme')).toBe(1);
    await quick.tenants.remove('acme');
    await Promise.all([slow.tenancy.close(), quick.tenancy.close()]);
  });

  test('that two processes repair keeps what is written once it is active', async () => {
    await using database = await plainDatabase();
    const slow = await openProcess(database.url, database.name);
    const quick = await openProcess(database.url, database.name);
    await quick.tenants.create({ id: 'acme', isolation });
    await quick.orm.store.update('acme', { status: 'provisioning' });
    const { reached, go } = slow.hold();
    const first = slow.tenants.repair('acme');
    await reached;
    const second = quick.tenants.repair('acme').then(async ({ status }) => {
      await quick.tenancy.run('acme', () => quick.orm.em.insert(Author, { name: 'of a customer' }));
      return status;
    });
    go();
    expect([(await first).status, await second]).toEqual(['active', 'active']);
    expect(await quick.count('acme')).toBe(1);
    await quick.tenants.remove('acme');
    await Promise.all([slow.tenancy.close(), quick.tenancy.close()]);
  });
});

test('a verb of another process is refused, where it does not wait, and nothing is touched', async () => {
  await using database = await plainDatabase();
  const slow = await openProcess(database.url, database.name);
  const quick = await openProcess(database.url, database.name, { waitMs: 0 });
  await quick.create('acme', 'schema');
  const { reached, go } = slow.hold();
  const removing = slow.tenants.remove('acme');
  await reached;
  expect(await codeOf(quick.tenants.remove('acme'))).toBe('TENANT_BUSY');
  expect(await codeOf(quick.tenants.create({ id: 'acme' }))).toBe('TENANT_BUSY');
  expect(await codeOf(quick.tenants.migrate('acme'))).toBe('TRANSITION_REFUSED');
  expect(await codeOf(quick.tenants.repair('acme'))).toBe('TRANSITION_REFUSED');
  go();
  await removing;
  await Promise.all([slow.tenancy.close(), quick.tenancy.close()]);
});

test.skipIf(!(await obtainable('pgbouncer')))('verbs exclude each other behind PgBouncer, too', async () => {
  await using database = await plainDatabase();
  const bouncer = await testPgBouncer({
    upstream: database.url,
    poolSize: 3,
    settings: { ignore_startup_parameters: 'extra_float_digits' },
  });
  const processes = await Promise.all([1, 2, 3].map(() => openProcess(bouncer.url, database.name)));
  const [first] = processes;
  for (let round = 0; round < 5; round += 1) {
    const created = await Promise.all(processes.map(({ tenants }) => codeOf(tenants.create({ id: 'acme' }))));
    expect(created.sort()).toEqual(['TENANT_EXISTS', 'TENANT_EXISTS', 'done']);
    expect((await first?.orm.store.find('acme'))?.status).toBe('active');
    const removed = await Promise.all(processes.map(({ tenants }) => codeOf(tenants.remove('acme'))));
    expect(removed).toContain('done');
    expect(removed.every((code) => code === 'done' || code === 'TENANT_UNKNOWN')).toBe(true);
  }
  await Promise.all(processes.map(({ tenancy }) => tenancy.close()));
  await bouncer.stop();
});

test('a central of an earlier version gets the table of leases at the first verb', async () => {
  await using database = await plainDatabase();
  const app = await openProcess(database.url, database.name);
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query('drop table central.omnitenant_lease');
  expect((await app.tenants.create({ id: 'acme' })).status).toBe('active');
  expect((await client.query('select id from central.omnitenant_lease')).rows).toEqual([]);
  await app.tenants.remove('acme');
  await client.end();
  await app.tenancy.close();
});
