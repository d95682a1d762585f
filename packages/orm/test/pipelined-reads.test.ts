import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quickMs } from '../src/session/plain-reads.ts';
import { Author } from '../src/testing/library.ts';
import { type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

describe.each(['schema', 'row'])('plain reads of several tenants on few connections, isolation %s:', (isolation) => {
  let database: TestDatabase;
  let library: RunningLibrary;
  let admin: Client;

  beforeAll(async () => {
    database = await plainDatabase();
    admin = new Client({ connectionString: database.url });
    await admin.connect();
    library = await runLibrary(defineConfig({ clientUrl: database.url, driverOptions: { max: 2 } }), {
      a: { isolation },
      b: { isolation },
    });
  });
  afterAll(async () => {
    await library[Symbol.asyncDispose]();
    await admin.end();
    await database.drop();
  });

  /** The orm's sessions: what each has been sent last, and whether it waits for a lock. */
  async function sessions(): Promise<{ query: string; waits: boolean }[]> {
    const { rows } = await admin.query(
      `select query, coalesce(wait_event_type = 'Lock', false) as waits from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
    return rows;
  }
  const limited = `;set local statement_timeout to ${quickMs};`;

  /** Reads by a form of statement of which nothing is known yet. */
  const reading = (table: string, form: string) => (tenant: string) =>
    library.tenancy.run(tenant, async () => {
      const sql = `select name, ? as ${form}_${isolation} from ${table}`;
      const rows = await library.orm.em.execute<{ name: string }[]>(sql, [1]);
      return rows.map(({ name }) => name);
    });

  test('SQL of the application’s own is never sent among others’', async () => {
    const read = reading('author', 'quick');
    expect(await read('a')).toEqual(['first of a']);
    // Lookups of tenants are sent so, on connections of their own.
    const isLimited = ({ query }: { query: string }) => query.includes(limited) && query.includes('quick');
    expect((await sessions()).some(isLimited)).toBe(false);
    const tenants = Array.from({ length: 40 }, (_, n) => (n % 3 ? 'a' : 'b'));
    expect(await Promise.all(tenants.map(read))).toEqual(tenants.map((tenant) => [`first of ${tenant}`]));
    expect((await sessions()).some(isLimited)).toBe(false);
  });

  test.runIf(isolation === 'schema')(
    'one that waits for a lock holds up no other for long, and is answered when it can be',
    async () => {
      const read = reading('author', 'locked');
      const unrelated = reading('country', 'unlocked');
      for (const tenant of ['a', 'b']) for (const ask of [read, unrelated]) await ask(tenant);
      const { rows } = await admin.query(
        `select relation::regclass as name from
         (select oid as relation, relnamespace::regnamespace::text as schema from pg_class where relname = 'author') as found
       where schema = 't_a' or $1 = 'row'`,
        [isolation],
      );
      // Not admin's: a transaction sees the sessions as they were when it first looked at them.
      const locking = new Client({ connectionString: database.url });
      await locking.connect();
      await locking.query(`begin; lock table ${rows[0].name} in access exclusive mode`);
      const held = read('a');
      try {
        expect(await unrelated('b')).toEqual([]);
        while (!(await sessions()).some(({ query, waits }) => waits && !query.includes(limited)));
      } finally {
        await locking.end();
      }
      expect(await held).toEqual(['first of a']);
      expect(await read('b')).toEqual(['first of b']);
    },
  );

  // Near to the limit from both sides, which is where it happens.
  test.runIf(isolation === 'schema')(
    'a limit that passes as its read ends, ends nothing of the next who has the connection',
    async () => {
      await admin.query(`create table public.numbers as select n, md5(n::text) as digest from generate_series(1, 200000) as n;
      grant select on public.numbers to public`);
      let count = 10_000;
      for (let n = 0; n < 60; n += 1) {
        const read = (below: number) =>
          library.tenancy.run('a', () =>
            library.orm.em.execute(
              `select n as form_${n} from public.numbers where n < ? order by digest, n offset ? limit 1`,
              [below, below - 2],
            ),
          );
        await read(2);
        const start = performance.now();
        await read(count);
        count = Math.round(count * (performance.now() - start < quickMs ? 1.1 : 0.92));
        const next = library.tenancy.run('b', () =>
          library.orm.em.transactional((em) => em.execute('select 1 as one')),
        );
        expect(await next).toEqual([{ one: 1 }]);
      }
    },
  );

  test('a read that its own limit ends is told so', async () => {
    const slow = () =>
      library.tenancy.run('a', () =>
        library.orm.em.transactional(async (em) => {
          await em.execute('set local statement_timeout to 1');
          return em.execute('select count(*), ? as slow_form from author x, pg_sleep(1)', [1]);
        }),
      );
    await expect(slow()).rejects.toThrow(/statement timeout/);
    expect(await library.tenancy.run('a', () => library.orm.em.count(Author))).toBe(1);
  });
});
