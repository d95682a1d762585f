import type { MoveProgress, OnlineMove } from '@omnitenant/core';
import { type TestPostgresServer, testPostgresServer } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { hard } from './fixtures/hard-tables.ts';
import { open, sql, storage } from './fixtures/moving.ts';
import { onlineDatabase, writingHard, writtenHard } from './fixtures/online-moves.ts';

let server: TestPostgresServer;
beforeAll(async () => {
  server = await testPostgresServer('wal_level=logical');
});
afterAll(() => server.stop());

/** An application on the server, whose tenants may move to another one. */
async function site(other: TestPostgresServer) {
  const database = await onlineDatabase(server.url);
  // The same names on both.
  await sql(other.url, `create role ${database.name}_owner login createdb createrole replication`);
  await sql(other.url, `create database ${database.name} owner ${database.name}_owner`);
  const clientUrl = new URL(other.url);
  Object.assign(clientUrl, { username: `${database.name}_owner`, pathname: `/${database.name}` });
  const app = await open(database, { servers: { eu: { clientUrl: clientUrl.href } } }, hard);
  await app.tenants.create({ id: 'acme' });
  for (const name of ['one', 'two']) await app.write('acme', name);
  return { database, app, url: clientUrl.href, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

const durable = ['wal_level=logical', 'synchronous_commit=on'];

/** Ends a server without warning. */
function crash(one: TestPostgresServer) {
  const dead = Promise.withResolvers<void>();
  const back = Promise.withResolvers<void>();
  const restarted = one.crash(async () => {
    dead.resolve();
    await back.promise;
  });
  async function comeBack(): Promise<void> {
    back.resolve();
    await restarted;
  }
  return { dead: dead.promise, comeBack };
}

/** Does something when the new storage is there and no row is copied, which waits until it is done. */
async function beforeRows(url: string, act: () => Promise<unknown>) {
  const holder = new pg.Client(url);
  await holder.connect();
  let done: Promise<unknown> | undefined;
  return {
    onProgress({ step }: MoveProgress): void {
      // Who makes a slot or a seal waits for a transaction that writes.
      if (step === 'create') void holder.query(`begin; insert into t_acme.tick values ('held')`);
      if (step === 'copy' || step === 'seal') done ??= act().finally(() => holder.query('rollback'));
    },
    async end(): Promise<void> {
      expect(done).toBeDefined();
      await done;
      await holder.end();
    },
  };
}

/** The schemas of the application at the other server. */
function schemasAt(url: string) {
  return sql(url, `select nspname as name from pg_namespace where nspname like 't\\_%'`);
}

const digestOfRows = `select md5(string_agg(p::text, ',' order by owner, part)) as digest, count(*)::int as rows from pair p`;

test('a tenant is moved to another server and back while it is written to, and has the same rows', async () => {
  await using other = await testPostgresServer(...durable);
  await using place = await site(other);
  const { app, database, url } = place;
  const rows = () => app.tenancy.run('acme', () => app.orm.em.execute(digestOfRows));
  async function move(to: string): Promise<void> {
    await app.tenants.move('acme', { placement: { server: to } }, { online: 'required' });
    expect(await app.tenants.get('acme')).toMatchObject({ placement: { server: to } });
    expect(await schemasAt(url)).toHaveLength(to === 'eu' ? 1 : 0);
    expect(await storage(database)).toHaveLength(to === 'eu' ? 0 : 1);
  }
  async function thereAndBack(): Promise<void> {
    await move('eu');
    await move('default');
  }
  const { told, refused } = await writingHard([app], thereAndBack, true);
  expect(await writtenHard(app)).toEqual(told);
  expect([...refused].filter((code) => !['TENANT_MOVING', 'TENANT_OUTDATED'].includes(code))).toEqual([]);
  const before = await rows();
  expect(before).toEqual([{ digest: expect.any(String), rows: told['pair']?.size }]);
  await move('eu');
  expect(await rows()).toEqual(before);
  const slots = 'select slot_name from pg_replication_slots';
  for (const each of [server, other]) {
    await vi.waitFor(async () => expect(await sql(each.url, slots)).toEqual([]), 10_000);
  }
});

describe.concurrent.each<OnlineMove>(['required', 'never'])('with the option online: %s', (online) => {
  test.each(['comes back', 'is gone for good'])(
    'a tenant whose new server dies while rows are copied is served where it was, and the move is undone when that %s',
    async (fate) => {
      await using other = await testPostgresServer(...durable);
      await using place = await site(other);
      const { app, database, url } = place;
      let comeBack: () => Promise<void> = async () => {};
      const { onProgress, end } = await beforeRows(database.whole, async () => {
        const crashed = crash(other);
        comeBack = crashed.comeBack;
        await crashed.dead;
      });
      const target = { placement: { server: 'eu' } };
      const moved = app.tenants.move('acme', target, { online, onProgress });
      await expect(moved).rejects.toMatchObject({
        code: 'MOVE_FAILED',
        message: expect.stringMatching(
          /^Tenant "acme" could not be moved.*nothing answers at its address.*undoMove\("acme", \{ forget: true \}\)/,
        ),
      });
      await end();
      await app.write('acme', 'served');
      expect(await app.authors('acme')).toEqual(['one', 'served', 'two']);
      await expect(app.tenants.undoMove('acme')).rejects.toMatchObject({
        code: 'MOVE_FAILED',
        message: expect.stringMatching(/cannot be undone yet: .*forget: true/),
      });
      if (fate === 'comes back') {
        await comeBack();
        await app.tenants.undoMove('acme');
        expect(await schemasAt(url)).toEqual([]);
        await app.tenants.move('acme', target, { online });
      } else {
        await app.tenants.undoMove('acme', { forget: true });
        await app.tenants.move('acme', { isolation: 'database' }, { online });
      }
      await app.write('acme', 'there');
      expect(await app.authors('acme')).toEqual(['one', 'served', 'there', 'two']);
    },
  );

  test.each(['comes back', 'is gone for good'])(
    'a tenant whose new server dies when it has just been moved there keeps its old place until that %s',
    async (fate) => {
      await using other = await testPostgresServer(...durable);
      await using place = await site(other);
      const { app, database, url } = place;
      let crashed: ReturnType<typeof crash> | undefined;
      const onProgress = ({ step }: MoveProgress) => {
        if (step === 'switch') crashed = crash(other);
      };
      const moved = app.tenants.move('acme', { placement: { server: 'eu' } }, { online, onProgress });
      await expect(moved).rejects.toMatchObject({
        code: 'MOVE_FAILED',
        message: expect.stringMatching(/is at its new place, which cannot be used: .*Its old place is kept/),
      });
      await crashed?.dead;
      // Nor does undoing destroy what may be all that there is.
      await expect(app.tenants.undoMove('acme')).rejects.toMatchObject({ code: 'MOVE_FAILED' });
      expect(await storage(database)).toEqual(['move of acme', 't_acme']);
      if (fate === 'comes back') {
        await crashed?.comeBack();
        await app.tenants.move('acme');
        expect(await storage(database)).toEqual([]);
        expect(await schemasAt(url)).toHaveLength(1);
      } else {
        await app.tenants.undoMove('acme', { forget: true });
        expect(await app.tenants.get('acme')).toMatchObject({ placement: { server: 'default' } });
        expect(await storage(database)).toEqual(['t_acme']);
      }
      await app.write('acme', 'afterwards');
      expect(await app.authors('acme')).toEqual(['afterwards', 'one', 'two']);
    },
  );

  test('a tenant whose old server dies when it has left it is served at its new place, and the old one can be given up', async () => {
    await using other = await testPostgresServer(...durable);
    await using place = await site(other);
    const { app, database } = place;
    await app.tenants.move('acme', { placement: { server: 'eu' } }, { online });
    let crashed: ReturnType<typeof crash> | undefined;
    const onProgress = ({ step }: MoveProgress) => {
      if (step === 'switch') crashed = crash(other);
    };
    const moved = app.tenants.move('acme', { placement: { server: 'default' } }, { online, onProgress });
    await expect(moved).rejects.toMatchObject({
      code: 'MOVE_FAILED',
      message: expect.stringMatching(/is at its new place, but its old one cannot be destroyed: .*forget: true/),
    });
    await crashed?.dead;
    await app.write('acme', 'served');
    await app.tenants.undoMove('acme', { forget: true });
    expect(await storage(database)).toEqual(['t_acme_2']);
    expect(await app.authors('acme')).toEqual(['one', 'served', 'two']);
  });

  test('a tenant whose new server has a full disk is served where it was, and nothing is left there', async () => {
    await using other = await testPostgresServer(...durable);
    await using place = await site(other);
    const { app, database, url } = place;
    const full = `create function public.full_disk() returns bool language plpgsql as
      $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
      alter table t_acme.author add check (public.full_disk())`;
    const { onProgress, end } = await beforeRows(database.whole, () => sql(url, full));
    const moved = app.tenants.move('acme', { placement: { server: 'eu' } }, { online, onProgress });
    await expect(moved).rejects.toMatchObject({
      code: 'MOVE_FAILED',
      message:
        'Tenant "acme" could not be moved, and is where it was: PostgreSQL has run out of resources (53100): ' +
        'could not extend file: No space left on device. Make room on that server, and move it again.',
    });
    await end();
    expect(await schemasAt(url)).toEqual([]);
    await app.write('acme', 'served');
    await app.tenants.move('acme', { placement: { server: 'eu' } }, { online });
    expect(await app.authors('acme')).toEqual(['one', 'served', 'two']);
  });
});
