import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { Author } from '../src/testing/library.ts';
import { type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

/** What a tenant has used since the last call. */
function usageSince({ tenancy }: RunningLibrary) {
  let before = { statements: 0, rows: 0 };
  return async (tenant: string) => {
    const [{ statements = 0, rows = 0 } = {}] = await tenancy.usage({ tenant });
    const since = { statements: statements - before.statements, rows: rows - before.rows };
    before = { statements, rows };
    return since;
  };
}

test.each(['schema', 'row', 'database'])('statements and rows are counted as they were sent: %s', async (isolation) => {
  await using database = await plainDatabase();
  const names = { database: (id: string) => `${database.name}_${id}` };
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { acme: { isolation }, quiet: { isolation } },
    { names },
    { usage: true },
  );
  const { tenancy, orm } = library;
  const acme = usageSince(library);
  const quiet = usageSince(library);
  // The insert of its first author, and nothing of what created the tenant.
  expect(await acme('acme')).toEqual({ statements: 1, rows: 1 });
  expect(await quiet('quiet')).toEqual({ statements: 1, rows: 1 });
  interface Counted {
    readonly work: () => Promise<unknown>;
    readonly statements: number;
    readonly rows: number;
  }
  const counted: Readonly<Record<string, Counted>> = {
    'a read': { work: () => orm.em.find(Author, {}), statements: 1, rows: 1 },
    'raw SQL': { work: () => orm.em.execute('select generate_series(1, 7)'), statements: 1, rows: 7 },
    'a transaction, without what begins and ends it': {
      work: () =>
        orm.em.transactional(async (em) => {
          await em.execute('update author set name = name');
          await em.execute('select 1');
        }),
      statements: 2,
      rows: 2,
    },
    'a statement that fails': {
      work: () => expect(orm.em.execute('select 1 / 0')).rejects.toThrow('division by zero'),
      statements: 1,
      rows: 0,
    },
    'a statement that is refused before it is sent': {
      work: () => expect(orm.em.find('Plan' as never, {})).rejects.toThrow('central entity'),
      statements: 0,
      rows: 0,
    },
    'what is central’s': { work: () => tenancy.central(() => orm.em.execute('select 1')), statements: 0, rows: 0 },
  };
  for (const [what, { work, ...used }] of Object.entries(counted)) {
    await tenancy.run('acme', work);
    expect(await acme('acme'), what).toEqual(used);
  }
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => tenancy.run(n % 4 === 0 ? 'quiet' : 'acme', () => orm.em.count(Author))),
  );
  expect(await acme('acme')).toEqual({ statements: 150, rows: 150 });
  expect(await quiet('quiet')).toEqual({ statements: 50, rows: 50 });
  const [{ milliseconds = 0 } = {}] = await tenancy.usage({ tenant: 'acme' });
  expect(milliseconds).toBeGreaterThan(0);
});

test('the rows of a stream are counted as they are read', async () => {
  await using database = await plainDatabase();
  const tenants = { acme: { isolation: 'schema' } };
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), tenants, {}, { usage: true });
  const { tenancy, orm } = library;
  await tenancy.run('acme', () => orm.em.execute(`insert into author (name) select 'n' from generate_series(1, 299)`));
  const used = usageSince(library);
  await used('acme');
  let read = 0;
  await tenancy.run('acme', async () => {
    for await (const _ of orm.em.stream(Author, {})) read += 1;
  });
  expect(read).toBe(300);
  expect((await used('acme')).rows).toBe(300);
});

test('two processes add up, one that has not closed loses what it has not written, and a new tenant begins at zero', async () => {
  await using database = await plainDatabase();
  const tenants = { acme: { isolation: 'schema' } };
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), tenants, {}, { usage: true });
  const ask = ({ tenancy, orm }: Pick<RunningLibrary, 'tenancy' | 'orm'>) =>
    tenancy.run('acme', () => orm.em.execute('select 1'));
  async function another() {
    const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }));
    return { orm, tenancy: createTenancy({ resources: [orm], usage: true }) };
  }
  const [closed, open] = [await another(), await another()];
  for (const process of [closed, closed, closed, open, library]) await ask(process);
  await closed.tenancy.close();
  const statements = async () => (await library.tenancy.usage({ tenant: 'acme' })).map((used) => used.statements);
  expect(await statements()).toEqual([5]);
  await open.tenancy.close();
  expect(await statements()).toEqual([6]);
  await library.tenancy.tenants.remove('acme');
  await library.tenancy.tenants.create({ id: 'acme' });
  await ask(library);
  expect(await statements()).toEqual([6, 1]);
});

test('a central that an earlier version made gets the tables of usage', async () => {
  await using database = await plainDatabase();
  const tenants = { acme: { isolation: 'schema' } };
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), tenants);
  await library.tenancy.central(() =>
    library.orm.em.execute('drop table central.omnitenant_usage, central.omnitenant_usage_batch'),
  );
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }));
  await using tenancy = createTenancy({ resources: [orm], usage: true });
  await tenancy.run('acme', () => orm.em.execute('select 1'));
  expect(await tenancy.usage()).toMatchObject([{ tenant: 'acme', statements: 1 }]);
});

test('storage is measured of each tenant by itself, and is not told where tenants share tables', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    {
      large: { isolation: 'schema' },
      small: { isolation: 'schema' },
      own: { isolation: 'database' },
      rows: { isolation: 'row' },
    },
    { names: { database: (id) => `${database.name}_${id}` } },
  );
  const { tenancy, orm } = library;
  await tenancy.run('large', () =>
    orm.em.execute(`insert into author (name) select repeat('long', 500) from generate_series(1, 1000)`),
  );
  const stored = Object.fromEntries(
    (await tenancy.usage({ storage: true })).map(({ tenant, storageBytes }) => [tenant, storageBytes]),
  );
  expect(Object.keys(stored)).toEqual(['large', 'own', 'small']);
  expect(stored).toMatchObject({ large: expect.any(Number), small: expect.any(Number) });
  expect(stored['large']).toBeGreaterThan(Number(stored['small']) + 50_000);
  expect(stored['own']).toBeGreaterThan(1_000_000);
  expect((await tenancy.usage({ storage: true, tenant: 'small' })).map(({ tenant }) => tenant)).toEqual(['small']);
  expect(await tenancy.usage()).toEqual([]);
});
