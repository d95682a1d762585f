import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, isTenancyError } from '@omnitenant/core';
import { plainDatabase, type TestDatabase, testServer } from '@omnitenant/tooling';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { Author, libraryEntities } from '../src/testing/library.ts';
import { type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

test('tenants with databases of their own share a budget: each request is served or refused, none wrongly', async () => {
  await using database = await plainDatabase();
  // A further connection is refused by PostgreSQL, which nobody here takes for an answer.
  await onServer(`alter role "${database.role}" connection limit 3`);
  const ids = Array.from({ length: 6 }, (_, n) => `t${n}`);
  // Places for all 24, for each tenant's question about its schema, and for those that a tenant has to leave to others.
  await using library = await libraryOf(database, ids, { connections: { max: 3, maxWaiting: 50, waitMs: 100_000 } });

  const turns = ids.flatMap((id) => [id, id, id, id]);
  for (let round = 0; round < 3; round += 1) {
    expect(await Promise.all(turns.map((id) => read(library, id)))).toEqual(turns.map(() => 'served'));
  }
  const crowd = await Promise.all(Array.from({ length: 5 }, () => turns.map((id) => read(library, id))).flat());
  expect(new Set(crowd)).toEqual(new Set(['served', 'refused']));
  expect(await Promise.all(turns.map((id) => read(library, id)))).toEqual(turns.map(() => 'served'));
});

test.each(['database', 'schema', 'row'])(
  'a budget of one connection is enough to make, migrate, use and remove tenants: %s',
  async (isolation) => {
    await using database = await plainDatabase();
    const connections = { max: 1, waitMs: 100_000 };
    await using library = await libraryOf(database, ['a', 'b'], { connections }, isolation);
    const turns = Array.from({ length: 20 }, (_, n) => (n % 2 ? 'a' : 'b'));
    expect(await Promise.all(turns.map((id) => read(library, id)))).toEqual(turns.map(() => 'served'));
  },
);

test('scopes that hold all connections and wait for another are refused in time, and all goes on', async () => {
  await using database = await plainDatabase();
  const connections = { max: 2, waitMs: 5_000 };
  await using library = await libraryOf(database, ['a', 'b', 'c', 'd'], { connections });
  const { promise: bothInside, resolve } = Promise.withResolvers<void>();
  let inside = 0;
  const nested = [['a', 'c'] as const, ['b', 'd'] as const].map(([outer, inner]) =>
    library.tenancy.run(outer, () =>
      library.orm.em.transactional(async (em) => {
        await em.count(Author);
        if (++inside === 2) resolve();
        await bothInside;
        const answer = await read(library, inner);
        expect(await em.count(Author)).toBe(1);
        return answer;
      }),
    ),
  );
  expect(await Promise.all(nested)).toContain('refused');
  for (const id of ['a', 'b', 'c', 'd']) while ((await read(library, id)) === 'refused');
});

test('a tenant that asks for much does not hold up the others of its database', async () => {
  await using database = await plainDatabase();
  await using library = await libraryOf(database, ['busy', 'calm'], { connections: { max: 1 } }, 'schema');
  const served: string[] = [];
  const ask = (id: string) =>
    library.tenancy.run(id, () => library.orm.em.execute('select 1')).then(() => served.push(id));
  await Promise.all([...Array.from({ length: 100 }, () => ask('busy')), ask('calm'), ask('calm')]);
  expect(served.lastIndexOf('calm')).toBeLessThan(10);
});

test('a tenant on a server that the configuration no longer names is looked for on no other', async () => {
  await using database = await plainDatabase();
  const { hostname, port } = new URL(database.url);
  const servers = { far: { host: hostname, port: Number(port || 5432), maintenanceDatabase: database.name } };
  await using library = await libraryOf(database, [], { servers });
  await library.tenancy.tenants.create({ id: 'away', isolation: 'database', placement: { server: 'far' } });
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: libraryEntities }));
  const tenancy = createTenancy({ resources: [orm] });
  try {
    const lost = tenancy.run('away', () => orm.em.count(Author));
    await expect(lost).rejects.toMatchObject({ code: 'SERVER_UNAVAILABLE', tenant: 'away' });
  } finally {
    await tenancy.close();
  }
});

function libraryOf(
  database: TestDatabase,
  ids: readonly string[],
  options: OrmOptions = {},
  isolation = 'database',
): Promise<RunningLibrary> {
  return runLibrary(
    defineConfig({ clientUrl: database.url }),
    Object.fromEntries(ids.map((id) => [id, { isolation }])),
    {
      ...options,
      names: { database: (id) => `${database.name}_${id}` },
    },
  );
}

/** Reads what is the tenant's: right, or refused because no connection is free. */
async function read({ tenancy, orm }: RunningLibrary, id: string): Promise<'served' | 'refused'> {
  try {
    const authors = await tenancy.run(id, () => orm.em.fork().find(Author, {}));
    expect(authors.map(({ name }) => name)).toEqual([`first of ${id}`]);
    return 'served';
  } catch (error) {
    if (isTenancyError(error, 'CONNECTIONS_EXHAUSTED') || isTenancyError(error, 'SHARE_EXHAUSTED')) return 'refused';
    throw error;
  }
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: testServer().url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
