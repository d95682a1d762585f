import { createWriteStream, existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { migration } from './fixtures/row-application.ts';

/** A table that takes no row while the server is as good as full. */
const createTask = migration(
  'CreateTask',
  'create table task (id serial primary key, title text, check (public.has_room()))',
);
const room = `create table public.room (is_left bool); insert into public.room values (true);
  grant select on public.room to public;
  create function public.has_room() returns bool language plpgsql as $$ begin
    if (select is_left from public.room) then return true; end if;
    raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`;

async function site() {
  const database = await plainDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(room);
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [], migrations: { migrationsList: [createTask] as never } }),
  );
  const tenancy = createTenancy({ resources: [orm], verbs: { waitMs: 1_000 } });
  await tenancy.migrateCentral();
  const { tenants } = tenancy;
  await tenants.create({ id: 'acme' });
  await tenancy.run('acme', () =>
    orm.em.execute(`insert into task (title) select md5(n::text) from generate_series(1, 50000) n`),
  );
  return {
    tenants,
    sql: async (text: string) => (await client.query(text)).rows,
    async [Symbol.asyncDispose]() {
      for await (const { id } of tenants.all()) await tenants.remove(id);
      await tenancy.close();
      await client.end();
      await database.drop();
    },
  };
}

test.skipIf(!existsSync('/dev/full'))(
  'an archive whose disk is full leaves the tenant to its other verbs, and no transaction',
  async () => {
    await using app = await site();
    const written = pipeline(await app.tenants.export('acme'), createWriteStream('/dev/full'));
    await expect(written).rejects.toMatchObject({ code: 'ENOSPC' });
    await app.tenants.suspend('acme');
    await app.tenants.resume('acme');
    const open = `select query from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`;
    await expect.poll(() => app.sql(open)).toEqual([]);
    // Nor is a tenant erased whose archive could not be kept.
    const erased = app.tenants.erase('acme', (bytes) => pipeline(bytes, createWriteStream('/dev/full')));
    await expect(erased).rejects.toThrow();
    await app.tenants.resume('acme');
    expect(await app.sql('select count(*)::int as n from t_acme.task')).toEqual([{ n: 50_000 }]);
  },
);

test('an import into a server whose disk is full leaves nothing, says so, and works when there is room', async () => {
  await using app = await site();
  const archive = await buffer(await app.tenants.export('acme'));
  const importIt = () => app.tenants.import(Readable.from([archive]), { as: 'copy' });
  await app.sql('update public.room set is_left = false');
  await expect(importIt()).rejects.toMatchObject({
    code: 'PROVISION_FAILED',
    message: expect.stringContaining('"import" failed. Everything was undone; fix the cause'),
    cause: { code: '53100', message: expect.stringContaining('No space left on device') },
  });
  expect(await app.tenants.tryGet('copy')).toBeUndefined();
  expect(await app.sql(`select nspname from pg_namespace where nspname like 't\\_%'`)).toEqual([{ nspname: 't_acme' }]);
  await app.sql('update public.room set is_left = true');
  await importIt();
  expect(await app.sql('select count(*)::int as n from t_copy.task')).toEqual([{ n: 50_000 }]);
});
