import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

test('connections are counted as they are: in use, idle, waiting, held back and refused', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { busy: { isolation: 'schema' } },
    { connections: { max: 10, maxPerTenant: 2 }, limits: () => ({ waiting: 1 }) },
  );
  const { tenancy, orm } = library;
  const server = () => orm.stats().servers['default'];
  const before = server();
  const told: unknown[] = [];
  const listen = (message: unknown) => void told.push(message);
  subscribe('omnitenant:orm:refused', listen);
  onTestFinished(() => void unsubscribe('omnitenant:orm:refused', listen));
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const taken = vi.fn();
  const held = [1, 2].map(() =>
    tenancy.run('busy', () =>
      orm.em.transactional(async (em) => {
        await em.execute('select 1');
        taken();
        await opened;
      }),
    ),
  );
  // A connection in use could be the change feed's.
  await vi.waitFor(() => expect(taken).toHaveBeenCalledTimes(2), { timeout: 60_000 });
  const late = tenancy.run('busy', () => orm.em.execute('select 1'));
  await vi.waitFor(() => expect(server()).toMatchObject({ heldBack: 1, waiting: 1 }), { timeout: 60_000 });
  await expect(tenancy.run('busy', () => orm.em.execute('select 1'))).rejects.toMatchObject({
    code: 'SHARE_EXHAUSTED',
  });
  open();
  await Promise.all([...held, late]);
  expect(told).toContainEqual(
    expect.objectContaining({ code: 'SHARE_EXHAUSTED', server: 'default', database: database.name, tenant: 'busy' }),
  );
  const after = server();
  expect(after).toMatchObject({
    max: 10,
    heldBack: 0,
    waiting: 0,
    refused: (before?.refused ?? 0) + 1,
    shareExhausted: 1,
  });
  expect(after?.open).toBe((after?.opened ?? 0) - (after?.closed ?? 0));
});

test('health looks at each server, and tells one that is gone without a credential', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    {},
    { servers: { far: { host: '127.0.0.1', port: 1, password: 'confidential' } } },
  );
  const { ready, checks } = await library.tenancy.health({ timeoutMs: 60_000 });
  expect(ready).toBe(false);
  const found = Object.fromEntries(checks.map(({ name, status, reason }) => [name, [status, reason]]));
  expect(found).toEqual({
    store: ['ok', undefined],
    tenants: ['ok', undefined],
    changes: ['ok', undefined],
    'orm: migrations': ['ok', undefined],
    'orm: server default': ['ok', undefined],
    'orm: server far': ['failed', expect.stringContaining('ECONNREFUSED')],
  });
  const { password } = new URL(database.url);
  for (const secret of [password, 'confidential'].filter(Boolean)) expect(JSON.stringify(checks)).not.toContain(secret);
});

test('health warns of tenants at other migrations, and of requests that got no connection, each time anew', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    Object.fromEntries(['a', 'b', 'c', 'd'].map((id) => [id, { isolation: 'schema' }])),
    { connections: { max: 4, waitMs: 3_000 } },
  );
  const { tenancy, orm } = library;
  async function warnings() {
    const { ready, checks } = await tenancy.health({ timeoutMs: 60_000 });
    expect(ready).toBe(true);
    return checks.filter(({ status }) => status === 'warning').map(({ name, reason }) => [name, reason]);
  }
  expect(await warnings()).toEqual([]);
  await tenancy.tenants.create({ id: 'late' }, { migrate: false });
  expect(await warnings()).toEqual([['orm: migrations', '1 tenant has other migrations than this code.']]);
  await orm.migrations.up();
  // One of the four is a reserve that no tenant gets.
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const taken = vi.fn();
  const held = ['a', 'b', 'c'].map((id) =>
    tenancy.run(id, () =>
      orm.em.transactional(async (em) => {
        await em.execute('select 1');
        taken();
        await opened;
      }),
    ),
  );
  await vi.waitFor(() => expect(taken).toHaveBeenCalledTimes(3), { timeout: 60_000 });
  const late = tenancy.run('d', () => orm.em.execute('select 1'));
  await expect(late).rejects.toMatchObject({ code: 'CONNECTIONS_EXHAUSTED' });
  open();
  await Promise.all(held);
  const [warned, ...others] = await warnings();
  expect(others).toEqual([]);
  expect(warned).toEqual(['orm: server default', expect.stringMatching(/^\d+ requests got none of the 4 connections/)]);
  expect(await warnings()).toEqual([]);
});

test.each(['schema', 'row', 'database'])(
  'each reads every tenant’s own rows, at once and with few connections: %s',
  async (isolation) => {
    await using database = await plainDatabase();
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await using library = await runLibrary(
      defineConfig({ clientUrl: database.url }),
      Object.fromEntries(ids.map((id) => [id, { isolation }])),
      { connections: { max: 4 }, names: { database: (id) => `${database.name}_${id}` } },
    );
    const { tenancy, orm } = library;
    const names: string[] = [];
    const report = tenancy.each(async () => (await orm.em.find(Author, {})).map(({ name }) => name), {
      concurrency: 3,
    });
    for await (const { tenant, value } of report) {
      expect(value).toEqual([`first of ${tenant.id}`]);
      await expect(orm.em.count(Author)).rejects.toMatchObject({ code: 'OUTSIDE_SCOPE' });
      names.push(tenant.id);
    }
    expect(names.sort()).toEqual(ids);
  },
);
