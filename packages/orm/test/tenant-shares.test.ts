import { defineConfig } from '@mikro-orm/postgresql';
import type { TenancyError } from '@omnitenant/core';
import { obtainable, plainDatabase, type TestDatabase, testPgBouncer } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import type { OrmOptions } from '../src/orm-options.ts';
import { Author } from '../src/testing/library.ts';
import { inVain, longWait } from './fixtures/elapse-timeouts.ts';
import { entered, type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

const hasPgBouncer = await obtainable('pgbouncer');

test.each(['schema', 'database', 'row'])(
  'tenants that hold all they can get leave connections to the others, to central and to lookups: %s',
  async (isolation) => {
    await using database = await plainDatabase();
    const ids = ['busy', 'busier', 'busiest', 'quiet'];
    await using library = await libraryOf(database, database.url, { connections: { max: 9 } }, ids, isolation);
    await expectQuietIsServed(library, ['busy', 'busier', 'busiest']);
  },
);

test.skipIf(!hasPgBouncer)('through PgBouncer tenants leave connections to each other too', async () => {
  await using database = await plainDatabase();
  const bouncer = await testPgBouncer({ upstream: database.url, poolSize: 12 });
  try {
    await using library = await libraryOf(database, bouncer.url, { connections: { max: 9 } }, ['busy', 'quiet']);
    await expectQuietIsServed(library, ['busy']);
  } finally {
    await bouncer.stop();
  }
});

test('with every connection of tenants in use, lookups and the lifecycle go on', async () => {
  await using database = await plainDatabase();
  const ids = ['a', 'b', 'c', 'd'];
  await using library = await libraryOf(database, database.url, { connections: { max: 4 } }, ids);
  await using held = await holding(library, ['a', 'b', 'c']);
  expect(held.count).toBe(3);
  // The reserve of a server is one connection here, and none of it is for the tenants.
  const { tenancy } = library;
  await tenancy.tenants.suspend('d');
  await expect(tenancy.run('d', () => 1)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  await tenancy.tenants.resume('d');
  await tenancy.tenants.create({ id: 'e' });
  await tenancy.tenants.remove('e');
});

test('what waits for tenants’ connections and for the reserve gives up one place when it gets the other', async () => {
  await using database = await plainDatabase();
  const connections = { max: 4, waitMs: longWait };
  await using library = await libraryOf(database, database.url, { connections }, ['a', 'b', 'c']);
  const { tenancy, orm } = library;
  const waiting = () => orm.stats().servers['default']?.waiting;
  await using held = await holding(library, ['a', 'b', 'c']);
  expect(held.count).toBe(3);
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const reserve = tenancy.central(() =>
    orm.em.transactional(async (em) => {
      await em.execute('select 1');
      enter();
      await opened;
    }),
  );
  await entered;
  const served = tenancy.central(() => orm.em.execute('select 1'));
  await vi.waitFor(() => expect(waiting()).toBe(2), { timeout: 60_000 });
  open();
  await Promise.all([reserve, served]);
  expect(waiting()).toBe(0);
});

test('requests beyond the share wait their turn and are served in the end', async () => {
  await using database = await plainDatabase();
  await using library = await libraryOf(database, database.url, { connections: { max: 5 } }, ['busy', 'quiet']);
  const inUse = { now: 0, most: 0 };
  const transaction = () =>
    library.tenancy.run('busy', () =>
      library.orm.em.transactional(async (em) => {
        await em.execute('select 1');
        inUse.most = Math.max(inUse.most, ++inUse.now);
        await em.execute('select pg_sleep(0.01)');
        inUse.now -= 1;
      }),
    );
  await Promise.all(Array.from({ length: 60 }, transaction));
  expect(inUse.most).toBe(2);
});

test('who waits too long for the share, or as one too many, is refused by name; the others are not', async () => {
  await using database = await plainDatabase();
  const connections = { max: 6, waitMs: longWait, maxPerTenant: 2 };
  const limits: OrmOptions['limits'] = ({ id }) => (id === 'busy' ? { waiting: 1 } : undefined);
  await using library = await libraryOf(database, database.url, { connections, limits }, ['busy', 'quiet']);
  await using held = await holding(library, ['busy', 'busy']);
  expect(held.count).toBe(2);
  const begin = await entered(library, ['busy', 'busy'], () => library.orm.em.execute('select 1'));
  const [late, oneTooMany] = await inVain(() => begin().map(errorOf));
  for (const error of [late, oneTooMany]) {
    expect(error).toMatchObject({
      code: 'SHARE_EXHAUSTED',
      status: 503,
      headers: { 'Retry-After': '1' },
      tenant: 'busy',
      message: expect.stringContaining('The tenant "busy" uses its share of the server "default", 2 connections'),
    });
  }
  expect((late as Error).message).toContain(`none became free within ${longWait} ms`);
  expect((oneTooMany as Error).message).toContain('1 of its requests are waiting already');
  expect(await find(library, 'quiet')).toEqual(['first of quiet']);
});

test('who is held back when the tenancy closes is told so at once, however many they are', async () => {
  await using database = await plainDatabase();
  const library = await libraryOf(
    database,
    database.url,
    { connections: { max: 5, maxWaiting: 2000, waitMs: longWait } },
    ['busy'],
  );
  const held = await holding(library, ['busy', 'busy']);
  const errors = Promise.all(Array.from({ length: 900 }, () => errorOf(ask(library, 'busy'))));
  await vi.waitFor(() => expect(library.orm.stats().servers['default']?.heldBack).toBe(900), { timeout: 60_000 });
  const closed = library.tenancy.close();
  for (const error of await errors) expect(error).toMatchObject({ code: 'SERVER_UNAVAILABLE', tenant: 'busy' });
  await held[Symbol.asyncDispose]();
  await closed;
});

test('a tenant has the connections that its limits give it, and more when its record says so', async () => {
  await using database = await plainDatabase();
  const limits: OrmOptions['limits'] = ({ config }) => ({
    connections: config['plan'] === 'large' ? 4 : 1,
    waiting: 0,
  });
  await using library = await libraryOf(database, database.url, { connections: { max: 20 }, limits }, ['acme']);
  {
    await using held = await holding(library, ['acme']);
    expect(held.count).toBe(1);
    expect(await errorOf(ask(library, 'acme'))).toMatchObject({ code: 'SHARE_EXHAUSTED' });
  }
  await library.tenancy.tenants.update('acme', { config: { plan: 'large' } });
  await using held = await holding(library, ['acme', 'acme', 'acme', 'acme']);
  expect(held.count).toBe(4);
  expect(await errorOf(ask(library, 'acme'))).toMatchObject({ code: 'SHARE_EXHAUSTED' });
});

const settings = {
  statement_timeout: '7s',
  lock_timeout: 4_000,
  idle_in_transaction_session_timeout: '1min',
  work_mem: '8MB',
  timezone: 'Asia/Kolkata',
};
const shown = `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
  current_setting('idle_in_transaction_session_timeout') as idle, current_setting('work_mem') as memory, current_setting('timezone') as zone`;
const expected = { statement: '7s', lock: '4s', idle: '1min', memory: '8MB', zone: 'Asia/Kolkata' };

test.each([
  ...['schema', 'database', 'row'].map((isolation) => [isolation, 'directly'] as const),
  ...(hasPgBouncer ? [['schema', 'through PgBouncer'] as const] : []),
])('every statement has its own tenant’s settings, whatever was set before: %s, %s', async (isolation, way) => {
  await using database = await plainDatabase();
  const bouncer = way === 'directly' ? undefined : await testPgBouncer({ upstream: database.url, poolSize: 2 });
  const limits: OrmOptions['limits'] = ({ id }) => (id === 'acme' ? { settings } : undefined);
  try {
    const options = { limits, connections: { max: 2 } };
    await using library = await libraryOf(
      database,
      bouncer?.url ?? database.url,
      options,
      ['acme', 'other'],
      isolation,
    );
    const show = (id: string) => library.tenancy.run(id, () => library.orm.em.execute(shown).then(([row]) => row));
    const turns = Array.from({ length: 20 }, (_, n) => (n % 2 ? 'acme' : 'other'));
    for (const [n, row] of (await Promise.all(turns.map(show))).entries()) {
      if (turns[n] === 'acme') expect(row).toEqual(expected);
      else expect(row).toMatchObject({ statement: '0', zone: expect.not.stringContaining('Kolkata') });
    }
    await library.tenancy.run('acme', () =>
      library.orm.em.transactional(async (em) => {
        await em.execute("set local statement_timeout to 0; set local timezone to 'UTC'");
        expect(await em.execute(shown)).toEqual([expected]);
      }),
    );
  } finally {
    await bouncer?.stop();
  }
});

test('a statement that runs for longer than the tenant’s limit is ended by PostgreSQL, and tagged with the tenant', async () => {
  await using database = await plainDatabase();
  const limits: OrmOptions['limits'] = ({ id }) =>
    id === 'short' ? { settings: { statement_timeout: 100 } } : undefined;
  await using library = await libraryOf(database, database.url, { limits }, ['short', 'long']);
  const sleep = (id: string) => errorOf(library.tenancy.run(id, () => library.orm.em.execute('select pg_sleep(0.3)')));
  const [short, long] = await Promise.all([sleep('short'), sleep('long')]);
  expect(short).toMatchObject({ code: '57014', tenant: 'short' });
  expect(long).toBeUndefined();
});

/** Each of the tenants asks for more than there is, and keeps what it gets; the quiet one is served meanwhile. */
async function expectQuietIsServed(library: RunningLibrary, busy: readonly string[]): Promise<void> {
  const { tenancy, orm } = library;
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const started = new Map(busy.map((id) => [id, 0]));
  const all = busy.flatMap((id) =>
    Array.from({ length: 40 }, () =>
      tenancy.run(id, () =>
        orm.em.transactional(async (em) => {
          await em.count(Author);
          started.set(id, (started.get(id) ?? 0) + 1);
          await opened;
        }),
      ),
    ),
  );
  try {
    await vi.waitFor(() => expect([...started.values()].every((count) => count > 0)).toBe(true), { timeout: 60_000 });
    for (let n = 0; n < 5; n += 1) {
      expect(await find(library, 'quiet')).toEqual(['first of quiet']);
      await tenancy.run('quiet', () => orm.em.transactional((em) => em.count(Author)));
      await tenancy.central(() => orm.em.execute('select 1'));
      await expect(tenancy.run(`nobody${n}`, () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    }
    expect([...started.values()].every((count) => count < 5)).toBe(true);
  } finally {
    open();
    await Promise.all(all);
  }
  expect([...started.values()]).toEqual(busy.map(() => 40));
}

/** Holds a connection for each entry, of its tenant. */
async function holding({ tenancy, orm }: RunningLibrary, ids: readonly string[]) {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const entered = ids.map(() => Promise.withResolvers<void>());
  let count = 0;
  const all = ids.map((id, n) =>
    tenancy.run(id, () =>
      orm.em.transactional(async (em) => {
        await em.count(Author);
        count += 1;
        entered[n]?.resolve();
        await opened;
      }),
    ),
  );
  await Promise.race([Promise.all(entered.map(({ promise }) => promise)), Promise.all(all)]);
  return {
    count,
    async [Symbol.asyncDispose]() {
      open();
      await Promise.all(all);
    },
  };
}

function ask({ tenancy, orm }: RunningLibrary, id: string): Promise<unknown> {
  return tenancy.run(id, () => orm.em.execute('select 1'));
}

function find({ tenancy, orm }: RunningLibrary, id: string): Promise<string[]> {
  return tenancy.run(id, async () => (await orm.em.fork().find(Author, {})).map(({ name }) => name));
}

function errorOf(work: Promise<unknown>): Promise<TenancyError | Error | undefined> {
  return work.then(
    () => undefined,
    (error: Error) => error,
  );
}

function libraryOf(
  database: TestDatabase,
  url: string,
  options: OrmOptions,
  ids: readonly string[],
  isolation = 'schema',
): Promise<RunningLibrary> {
  return runLibrary(defineConfig({ clientUrl: url }), Object.fromEntries(ids.map((id) => [id, { isolation }])), {
    ...options,
    names: { database: (id) => `${database.name}_${id}` },
  });
}
