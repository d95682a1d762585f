import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
import { CompiledQuery } from 'kysely';
import { expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

test.each([
  ['cancel query', false],
  ['kill session', false],
  ['cancel query', true],
] as const)('a transaction that a signal aborts by "%s" is rolled back, roles: %s', async (strategy, roles) => {
  const database = await plainDatabase();
  const config = defineConfig({ clientUrl: database.url });
  const library = await runLibrary(config, { a: { isolation: 'schema' } }, { connections: { max: 2 }, roles });
  const { tenancy, orm } = library;
  async function isRunning(): Promise<void> {
    const sql = `select from pg_stat_activity where datname = current_database() and state = 'active' and query = 'select pg_sleep(60)'`;
    while ((await orm.em.execute<object[]>(sql)).length === 0);
  }
  try {
    await tenancy.run('a', async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        const aborter = new AbortController();
        const aborted = orm.em.fork().transactional(
          async (em) => {
            await em.insert(Author, { name: 'never of a' });
            const slow = em.execute('select pg_sleep(60)');
            await tenancy.central(isRunning);
            aborter.abort(new Error('the client has gone'));
            await slow;
          },
          { signal: aborter.signal, inflightQueryAbortStrategy: strategy } as never,
        );
        await expect(aborted).rejects.toThrow();
      }
      expect((await orm.em.fork().find(Author, {})).map(({ name }) => name)).toEqual(['first of a']);
    });
  } finally {
    await library[Symbol.asyncDispose]();
    await database.drop();
  }
});

test('a signal ends its own statement and no other: a connection that is being ended is given to nobody', async () => {
  const database = await plainDatabase();
  const config = defineConfig({ clientUrl: database.url });
  const tenants = { a: { isolation: 'schema' }, b: { isolation: 'schema' } };
  const library = await runLibrary(config, tenants, { connections: { max: 2 } });
  const { tenancy, orm } = library;
  const isOne = async (tenant: string) =>
    expect(await tenancy.run(tenant, () => orm.em.execute('select 1 as one'))).toEqual([{ one: 1 }]);
  /** The statement is done at about the time that the server is told to end its session, which it does a little later. */
  const endAtOnce = () =>
    tenancy.run('a', () =>
      orm.em
        .getKysely()
        .getExecutor()
        .provideConnection(async (connection) => {
          await connection.collectSessionInfo?.();
          const done = connection.executeQuery(CompiledQuery.raw('select 1'));
          await Promise.allSettled([
            done,
            connection.killSession?.(() => expect.fail('no connection was made for it')),
          ]);
        }),
    );
  try {
    for (let turn = 0; turn < 40; turn += 1) {
      await Promise.all([isOne('a'), isOne('b')]);
      await endAtOnce();
      await Promise.all([isOne('b'), isOne('b')]);
    }
  } finally {
    await library[Symbol.asyncDispose]();
    await database.drop();
  }
});
