import { defineConfig, IsolationLevel } from '@mikro-orm/postgresql';
import { isTenancyError, type TenancyErrorCode } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { CompiledQuery } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Author, Tag } from '../src/testing/library.ts';
import { type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

// One connection for everybody: whatever is left of a fault, the next one gets.
describe.each([['schema'], ['row'], ['database']])('on one connection, isolation %s:', (isolation) => {
  let database: TestDatabase;
  let library: RunningLibrary;
  let admin: Client;

  beforeAll(async () => {
    database = await plainDatabase();
    admin = new Client({ connectionString: database.url });
    await admin.connect();
    library = await runLibrary(
      defineConfig({ clientUrl: database.url, driverOptions: { max: 1 } }),
      { a: { isolation }, b: { isolation } },
      { names: { database: (id) => `${database.name}_${id}` } },
    );
  });
  afterAll(async () => {
    await library[Symbol.asyncDispose]();
    await admin.end();
    await database.drop();
  });

  const inA = <R>(work: (em: RunningLibrary['orm']['em']) => Promise<R>): Promise<R> =>
    library.tenancy.run('a', () => library.orm.em.transactional(work));
  const pidOf = async (em: RunningLibrary['orm']['em']) =>
    (await em.execute<[{ pid: number }]>('select pg_backend_pid() as pid'))[0].pid;
  const terminate = (pid: number) => admin.query('select pg_terminate_backend($1, 5000)', [pid]);

  /** Both tenants read what is theirs, and nothing that was not committed. */
  async function expectSound() {
    for (const tenant of ['a', 'b', 'a']) {
      await library.tenancy.run(tenant, async () => {
        const names = (await library.orm.em.fork().find(Author, {})).map(({ name }) => name);
        expect(names).toEqual([`first of ${tenant}`]);
        expect(await library.orm.em.count(Tag)).toBe(0);
      });
    }
  }

  test('a connection that is killed in mid-transaction fails that transaction, and that alone', async () => {
    const lost = inA(async (em) => {
      await em.insert(Tag, { name: 'lost' });
      await terminate(await pidOf(em));
      await em.insert(Tag, { name: 'lost' });
    });
    await expectCode(lost, 'SERVER_UNAVAILABLE', 'a');
    await expectSound();
  });

  test('a connection that is killed in mid-statement, or before its commit, is no different', async () => {
    const asleep = inA(async (em) => {
      const pid = await pidOf(em);
      const sleeping = em.execute('select pg_sleep(60)');
      await Promise.all([
        expectCode(sleeping, 'SERVER_UNAVAILABLE', 'a'),
        untilActive(admin, pid).then(() => terminate(pid)),
      ]);
      throw new Error('given up');
    });
    await expect(asleep).rejects.toThrow('given up');
    await expectSound();
    const uncommitted = inA(async (em) => {
      await em.insert(Tag, { name: 'lost' });
      await terminate(await pidOf(em));
    });
    await expectCode(uncommitted, 'SERVER_UNAVAILABLE', 'a');
    await expectSound();
  });

  test('a connection that is killed where it waits costs one statement at most', async () => {
    await terminate(await inA(pidOf));
    await library.tenancy
      .run('a', () => library.orm.em.count(Author))
      .catch((error) => expectIs(error, 'SERVER_UNAVAILABLE', 'a'));
    await expectSound();
  });

  test('statements that time out or are cancelled, and transactions that idle too long, leave nothing', async () => {
    const slow = inA(async (em) => {
      await em.insert(Tag, { name: 'lost' });
      await em.execute('set local statement_timeout to 20; select pg_sleep(60)');
    });
    await expect(slow).rejects.toThrow(/statement timeout/);
    await expectSound();

    const cancelled = inA(async (em) => {
      const pid = await pidOf(em);
      const sleeping = em.execute('select pg_sleep(60)');
      void untilActive(admin, pid).then(() => admin.query('select pg_cancel_backend($1)', [pid]));
      await sleeping;
    });
    await expect(cancelled).rejects.toThrow(/user request/);
    await expectSound();

    const idle = inA(async (em) => {
      const pid = await pidOf(em);
      await em.execute('set local idle_in_transaction_session_timeout to 20');
      await untilGone(admin, pid);
      await em.insert(Tag, { name: 'lost' });
    });
    await expectCode(idle, 'SERVER_UNAVAILABLE', 'a');
    await expectSound();
  });

  test('a transaction begins as it was asked to, and the server sees its statements one by one', async () => {
    const asked = { isolationLevel: IsolationLevel.SERIALIZABLE, readOnly: true } as const;
    const { em } = library.orm;
    await library.tenancy.run('a', async () => {
      await em.transactional(async (inner) => {
        const sql = `select current_setting('transaction_isolation') as level, pg_backend_pid() as pid`;
        const [{ level, pid }] = await inner.execute<[{ level: string; pid: number }]>(sql);
        expect(level).toBe('serializable');
        const seen = await admin.query('select query from pg_stat_activity where pid = $1', [pid]);
        expect(seen.rows).toEqual([{ query: sql }]);
      }, asked);
      const writes = em.transactional((inner) => inner.insert(Tag, { name: 'lost' }), asked);
      await expect(writes).rejects.toThrow(/read-only transaction/);
      await em.transactional(async (inner) => {
        for await (const { name } of inner.stream(Author)) expect(name).toBe('first of a');
      }, asked);
      await em.transactional(async () => {}, asked);
    });
    await expectSound();
  });

  test.each(['selec 1', 'select 1; selec 2', "select 'unfinished", 'select 1/0'])(
    'a transaction whose first statement fails has failed, with all that is sent in it: %s',
    async (sql) => {
      await inA(async (em) => {
        const all = [em.execute(sql), em.insert(Tag, { name: 'lost' }), em.execute('select 1')];
        for (const end of await Promise.allSettled(all)) expect(end.status).toBe('rejected');
        await expect(em.insert(Tag, { name: 'lost' })).rejects.toThrow(/aborted/);
      });
      await expectSound();
    },
  );

  test('an aborted transaction, and a raw one that is left open, are never handed on', async () => {
    await library.tenancy.run('a', async () => {
      await library.orm.em.begin();
      await library.orm.em.insert(Tag, { name: 'lost' });
      await expect(library.orm.em.execute('select 1/0')).rejects.toThrow(/division by zero/);
      await library.orm.em.commit().catch(() => {});
    });
    await expectSound();
    for (const open of ['begin', 'start transaction', '/* raw */ begin; select 1', 'select 1; begin']) {
      await library.tenancy.run('a', () => library.orm.em.execute(`${open}; insert into tag (name) values ('lost')`));
      await expectSound();
    }
    await library.tenancy.run('a', () => library.orm.em.execute('begin; select 1/0').catch(() => {}));
    await expectSound();
  });

  test('a statement with parameters of its own that fails leaves nothing, in a transaction and out of it', async () => {
    await library.tenancy.run('a', async () => {
      const { em } = library.orm;
      const divide = (by: typeof em) => by.getKysely().executeQuery(CompiledQuery.raw('select 1 / $1::int', [0]));
      await expect(divide(em)).rejects.toThrow(/division by zero/);
      await expect(em.transactional(divide)).rejects.toThrow(/division by zero/);
      const late = em.transactional(async (inner) => {
        await inner.insert(Tag, { name: 'lost' });
        await divide(inner);
      });
      await expect(late).rejects.toThrow(/division by zero/);
    });
    await expectSound();
  });

  test('a filter that is added at start-up holds in every scope, and one of a scope in no other', async () => {
    const { em } = library.orm;
    em.addFilter({ name: 'nobody', cond: { name: 'nobody' }, entity: Author, default: false });
    const count = (filters: Record<string, boolean>) => em.count(Author, {}, { filters });
    for (const tenant of ['a', 'b']) expect(await library.tenancy.run(tenant, () => count({ nobody: true }))).toBe(0);
    await library.tenancy.run('a', async () => {
      em.addFilter({ name: 'none', cond: { name: 'none' }, entity: Author, default: true });
      expect(await em.count(Author)).toBe(0);
    });
    await expectSound();
  });

  test('a stream that fails midway, or is left, gives its connection back', async () => {
    await library.tenancy.run('a', async () => {
      for await (const author of library.orm.em.stream(Author)) {
        void author;
        break;
      }
      async function failing() {
        for await (const author of library.orm.em.stream(Author, { where: { name: { $re: '(' } } })) void author;
      }
      await expect(failing()).rejects.toThrow(/regular expression/);
    });
    await expectSound();
  });
});

function expectIs(error: unknown, code: TenancyErrorCode, tenant: string): void {
  expect(isTenancyError(error, code), String(error)).toBe(true);
  expect(error).toMatchObject({ tenant });
}

async function expectCode(attempt: Promise<unknown>, code: TenancyErrorCode, tenant: string): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (rejection: unknown) => rejection,
  );
  expectIs(error, code, tenant);
}

/** Asks until the server says so: each asking is a round trip. */
async function until(admin: Client, condition: string, pid: number): Promise<void> {
  while (!(await admin.query(`select ${condition} as so`, [pid])).rows[0].so);
}
function untilActive(admin: Client, pid: number) {
  return until(admin, `exists (select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep')`, pid);
}
function untilGone(admin: Client, pid: number) {
  return until(admin, 'not exists (select from pg_stat_activity where pid = $1)', pid);
}
