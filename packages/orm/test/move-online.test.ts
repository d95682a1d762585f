import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MoveProgress, MoveStep, MoveTarget } from '@omnitenant/core';
import { type TestPostgresServer, testPostgresServer } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { hard } from './fixtures/hard-tables.ts';
import { type MoveProcessOptions, withRoles } from './fixtures/move-process.ts';
import { open, sql, storage } from './fixtures/moving.ts';
import { onlineDatabase, writingHard, writtenHard } from './fixtures/online-moves.ts';

let server: TestPostgresServer;
beforeAll(async () => {
  server = await testPostgresServer('wal_level=logical');
});
afterAll(() => server.stop());

/** An application on the server, with a tenant that has rows. It leaves no slot. */
async function site(isolation = 'schema', roles = false) {
  const database = await onlineDatabase(server.url);
  const app = await open(database, roles ? withRoles(database.name) : {}, hard);
  await app.tenants.create({ id: 'acme', isolation });
  for (const name of ['one', 'two']) await app.write('acme', name);
  const slots = `select slot_name from pg_replication_slots where starts_with(database, '${database.name}')`;
  async function end(): Promise<void> {
    await app[Symbol.asyncDispose]();
    await vi.waitFor(async () => expect(await sql(server.url, slots)).toEqual([]));
  }
  return { database, app, [Symbol.asyncDispose]: end };
}

/** Does something after the first round, which is over before the tenant is sealed. */
async function afterFirstRound(url: string, act: () => Promise<unknown>) {
  const holder = new pg.Client(url);
  holder.on('error', () => {});
  await holder.connect();
  let rounds = 0;
  let done: Promise<unknown> | undefined;
  return {
    onProgress({ step }: MoveProgress): void {
      if (step === 'create') void holder.query('begin; lock table t_acme.country in row exclusive mode');
      if (step === 'copy') rounds += 1;
      if (step === 'copy' && rounds === 2) done = act().finally(() => holder.query('rollback'));
    },
    async end(): Promise<void> {
      expect(done).toBeDefined();
      await done;
      await holder.end();
    },
  };
}

test.each([
  ['schema', 'database'],
  ['database', 'schema'],
  ['row', 'schema'],
])(
  'a tenant is moved from isolation %s to %s while it is written to, and nothing that was acknowledged is lost or doubled',
  async (from, to) => {
    await using place = await site(from);
    const { app, database } = place;
    await using other = await open(database, {}, hard);
    // Deleting the rows of shared tables takes time that grows with their square, as the library's foreign keys have no index.
    const rows = from === 'row' ? 1_000 : 10_000;
    const fill = `insert into author (name) select 'author ' || n from generate_series(1, ${rows}) n; insert into book (title, author_id) select 'book', id from author`;
    await app.tenancy.run('acme', () => app.orm.em.execute(fill));
    if (from === 'row') {
      await app.tenants.create({ id: 'birch', isolation: 'row' });
      await app.write('birch', 'of birch');
    }
    const progress: MoveProgress[] = [];
    const { told, refused, longestMs, acknowledged } = await writingHard(
      [app, other],
      () =>
        app.tenants.move('acme', { isolation: to }, { online: 'required', onProgress: (each) => progress.push(each) }),
      from !== 'row',
    );
    expect(await writtenHard(other)).toEqual(told);
    expect(await app.tenants.get('acme')).toMatchObject({ isolation: to });
    expect([...refused].filter((code) => !['TENANT_MOVING', 'TENANT_OUTDATED'].includes(code))).toEqual([]);
    const steps = progress.map(({ step }) => step);
    expect([...new Set(steps)]).toEqual(['create', 'copy', 'seal', 'switch', 'drop']);
    expect(progress.every(({ online }) => online)).toBe(true);
    const { readOnlyMs } = progress.at(-1) ?? {};
    expect(readOnlyMs).toEqual(expect.any(Number));
    console.log(`${from} to ${to}: ${acknowledged} writes; none for ${readOnlyMs} ms, longest pause ${longestMs} ms`);
    expect(await app.orm.migrations.verify()).toMatchObject({ groups: [] });
    await app.write('acme', 'later');
    const [count] = await app.tenancy.run('acme', () =>
      app.orm.em.execute('select count(*)::int as n, count(distinct id)::int as ids from author'),
    );
    expect(count).toMatchObject({ n: rows + 3, ids: rows + 3 });
  },
);

test('of many rows that change at once, keys are kept beside the rows at the new place, and nothing is left of them', async () => {
  await using place = await site('schema', true);
  const { app, database } = place;
  const count = 60_000;
  await app.tenancy.run('acme', () =>
    app.orm.em.execute(`insert into pair select 'first', n, 'old' from generate_series(1, ${count}) n`),
  );
  const there = new URL(server.url);
  there.pathname = `/${database.name}_acme`;
  const holder = new pg.Client(there.href);
  let kept: unknown;
  const { onProgress, end } = await afterFirstRound(database.url, async () => {
    // The rows are not written as long as somebody reads them like this, so their keys stay.
    await holder.connect();
    await holder.query('begin; lock table public.pair in share mode');
    await sql(database.whole, `update t_acme.pair set value = 'new'`);
    await vi.waitFor(async () => {
      const keys = `select count(*)::int as n, count(distinct key)::int as keys from public.omnitenant_moving_keys`;
      [kept] = await sql(there.href, keys);
      expect(kept).toEqual({ n: count, keys: count });
    }, 60_000);
    await holder.query('rollback');
    await holder.end();
  });
  await app.tenants.move('acme', { isolation: 'database' }, { online: 'required', onProgress });
  await end();
  expect(kept).toBeDefined();
  const values = await app.tenancy.run('acme', () =>
    app.orm.em.execute('select value, count(*)::int as n from pair group by value'),
  );
  expect(values).toEqual([{ value: 'new', n: count }]);
  expect(await sql(there.href, `select to_regclass('public.omnitenant_moving_keys') as keys`)).toEqual([
    { keys: null },
  ]);
  expect(await app.orm.migrations.verify()).toMatchObject({ groups: [] });
});

describe.concurrent('beside others', () => {
  test.each(['create', 'copy', 'seal', 'switch', 'drop'] as MoveStep[])(
    'a process that is killed at the step %s leaves a tenant that is moved by another, and no slot',
    async (step) => {
      await using place = await site();
      const { app, database } = place;
      const options: MoveProcessOptions = { ...database, isolation: 'database', at: step };
      const child = fork(fileURLToPath(new URL('fixtures/move-process.ts', import.meta.url)), {
        execArgv: ['--conditions=@omnitenant/source'],
        env: { ...process.env, OMNITENANT_MOVE: JSON.stringify(options) },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      expect(await app.authors('acme')).toEqual(['one', 'two']);
      if (step === 'create' || step === 'copy') await app.tenants.undoMove('acme');
      else await app.tenants.move('acme');
      await app.write('acme', 'zwei');
      expect(await app.authors('acme')).toEqual(['one', 'two', 'zwei']);
      expect(await storage(database)).toHaveLength(1);
    },
  );

  const unsuitable: readonly [string, string, string, MoveTarget?][] = [
    ['table "country" is unlogged', 'Set it logged', 'alter table t_acme.country set unlogged'],
    [
      'table "country" has no primary key or replica identity',
      'Give it a primary key',
      'alter table t_acme.country replica identity nothing',
    ],
    ['table "own" has no primary key', 'Give it a primary key', 'create table t_acme.own (id int)'],
    [
      'table "own" has a column of type oid',
      'Give the column another type',
      'create table t_acme.own (id int primary key, large oid)',
    ],
    [
      'partition "event_first" has another replica identity',
      'Give it the same one',
      'create unique index own on t_acme.event_first (id); alter table t_acme.event_first replica identity using index own',
    ],
    [
      'materialized view "latest"',
      'Drop it before the move',
      'create materialized view t_acme.latest as select 1 as id',
    ],
    ['shares tables', 'Move it to isolation "schema" or "database"', 'select', { isolation: 'row' }],
  ];

  test.each(unsuitable)('a tenant cannot be moved online where %s, and is told: %s', async (...asked) => {
    const [reason, remedy, cause, target = {}] = asked;
    await using place = await site();
    await sql(place.database.url, cause);
    const moved = place.app.tenants.move('acme', { isolation: 'database', ...target }, { online: 'required' });
    await expect(moved).rejects.toMatchObject({ code: 'TRANSITION_REFUSED', message: expect.stringContaining(reason) });
    await expect(moved).rejects.toThrow(remedy);
    expect(await storage(place.database)).toEqual(['t_acme']);
  });

  test('a tenant cannot be moved online where its server decodes no changes, or not as UTF8', async () => {
    const refused = async (server: string, further: string, reason: RegExp) => {
      const database = await onlineDatabase(server, further);
      await using app = await open(database, {}, hard);
      await app.tenants.create({ id: 'acme' });
      const moved = app.tenants.move('acme', { isolation: 'database' }, { online: 'required' });
      await expect(moved).rejects.toThrow(reason);
    };
    await refused(server.url, `encoding 'LATIN1' template template0`, /has the encoding LATIN1/);
    await using usual = await testPostgresServer();
    await refused(usual.url, '', /its server has wal_level = replica, which has to be logical/);
  });

  test('a tenant cannot be moved online where no slot is to be had, and is told what is in the way', async () => {
    // A transaction that writes keeps all of a server's databases from having a slot, so this is no server of others.
    await using one = await testPostgresServer('wal_level=logical', 'max_replication_slots=1', 'max_wal_senders=1');
    const database = await onlineDatabase(one.url);
    await using app = await open(database, {}, hard);
    await app.tenants.create({ id: 'acme' });
    const refused = async (why: string, remedy: string) => {
      const moved = app.tenants.move('acme', { isolation: 'database' }, { online: 'required' });
      const said = `Tenant "acme" cannot be written to while it is moved: ${why}. Nothing was changed. ${remedy}; or move it`;
      await expect(moved).rejects.toMatchObject({ code: 'TRANSITION_REFUSED', message: expect.stringMatching(said) });
      expect(await storage(database)).toEqual(['t_acme']);
    };
    const remedy = 'The server needs a free replication slot and WAL sender, and a connection that is no pooler’s';
    await sql(one.url, `select pg_create_physical_replication_slot('other')`);
    await refused('its changes cannot be decoded: .*all replication slots are in use.*', remedy);
    await sql(one.url, `select pg_drop_replication_slot('other')`);
    const sender = new pg.Client({ connectionString: database.url, replication: 'database' } as pg.ClientConfig);
    await sender.connect();
    await refused('its changes cannot be decoded: .*', remedy);
    await sender.end();
    const writer = new pg.Client(database.url);
    await writer.connect();
    await writer.query(`begin; insert into t_acme.tick values ('first')`);
    const writes = 'a transaction on its server has been writing for too long';
    await refused(writes, 'Move it again when that has ended');
    await writer.query('commit');
    await writer.end();
    await app.tenants.move('acme', { isolation: 'database' }, { online: 'required' });
  });

  test('a move that cannot be online, or is not to be, is sealed before it copies, and says why', async () => {
    await using place = await site();
    const { app, database } = place;
    const steps = async (target: MoveTarget, online?: 'never') => {
      const progress: MoveProgress[] = [];
      await app.tenants.move('acme', target, { online, onProgress: (each) => progress.push(each) });
      expect(progress.map(({ step }) => step)).toEqual(['create', 'seal', 'copy', 'switch', 'drop']);
      expect(progress.at(-1)).toMatchObject({ online: false, readOnlyMs: expect.any(Number) });
      return new Set(progress.map(({ whyNotOnline }) => whyNotOnline));
    };
    expect(await steps({ isolation: 'database' }, 'never')).toEqual(new Set(['its caller said so']));
    await sql(server.url, `alter role ${database.name}_owner noreplication`);
    expect(await steps({ isolation: 'schema' })).toEqual(
      new Set(['its login may not decode changes: it lacks the attribute REPLICATION']),
    );
    expect(await app.authors('acme')).toEqual(['one', 'two']);
  });

  const failing: readonly [string, (name: string) => string, RegExp][] = [
    [
      'the connection that changes are read on is lost',
      () => 'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()',
      /changes were read on was lost/,
    ],
    ['a table is made and written to', () => 'create table t_acme.own as select 1 as id', /table "own"/],
    [
      'a table is changed',
      () => 'alter table t_acme.author alter name type varchar(99)',
      /its tables were changed|"author"/,
    ],
    [
      'its new place is lost',
      (name) => `drop database ${name}_acme with (force)`,
      /could not be destroyed|cannot be used/,
    ],
  ];

  test.each(failing)('a move is undone where %s', async (_, cause, message) => {
    await using place = await site();
    const { app, database } = place;
    const { onProgress, end } = await afterFirstRound(database.url, () => sql(database.url, cause(database.name)));
    const moved = app.tenants.move('acme', { isolation: 'database' }, { online: 'required', onProgress });
    await expect(moved).rejects.toThrow(message);
    await end();
    await app.write('acme', 'again');
    expect(await app.authors('acme')).toEqual(['again', 'one', 'two']);
    // What has no database cannot be asked whose it is, for a moment.
    if ((await storage(database)).includes('move of acme')) await app.tenants.undoMove('acme');
    expect(await storage(database)).toEqual(['t_acme']);
  });
});
