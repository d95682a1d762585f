import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
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
