import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { migration } from './fixtures/row-application.ts';

const first = migration('First', [
  'create table author (id serial primary key, name text not null unique)',
  'create table book (id serial primary key, author_id int not null references author, title text not null)',
]);
const second = migration('Second', "alter table book add column state text not null default 'new'");

test.each([
  ['schema', {}],
  ['database', {}],
  ['row', {}],
  ['schema', { roles: true }],
  ['database', { roles: true }],
  ['row', { roles: true }],
] as const)(
  'a tenant of isolation %s with %j is restored where it is, and migrated, and others keep what they have',
  async (isolation, options) => {
    const database = await plainDatabase();
    const start = async (migrations: readonly (new () => object)[]) => {
      const orm = await createOrm(
        defineConfig({ clientUrl: database.url, entities: [], migrations: { migrationsList: migrations as never } }),
        { names: { database: (id) => `${database.name}_${id}` }, ...options },
      );
      const tenancy = createTenancy({ resources: [orm] });
      await tenancy.migrateCentral();
      const sql = (id: string, text: string) => tenancy.run(id, () => orm.em.execute<Record<string, unknown>[]>(text));
      return { orm, tenancy, tenants: tenancy.tenants, sql, [Symbol.asyncDispose]: () => tenancy.close() };
    };
    const shelf = 'select name, title from book join author on author.id = author_id order by title';
    try {
      let archive: Buffer;
      {
        await using app = await start([first]);
        for (const id of ['acme', 'bloom']) {
          await app.tenants.create({ id, isolation });
          await app.sql(id, `insert into author (name) values ('writer of ${id}')`);
          await app.sql(id, `insert into book (author_id, title) select id, 'first of ${id}' from author`);
        }
        archive = await buffer(await app.tenants.export('acme'));
      }
      // Shared tables have one version, which the archive has to be of.
      await using app = await start(isolation === 'row' ? [first] : [first, second]);
      await app.orm.migrations.up();
      const { placement, createdAt } = await app.tenants.get('acme');
      await app.sql('acme', 'delete from book');
      await app.sql('acme', "insert into author (name) values ('writer since')");

      const kept: Buffer[] = [];
      const keep = async (bytes: ReadableStream<Uint8Array>) => void kept.push(await buffer(bytes));
      const restored = await app.tenants.restore('acme', () => Readable.from([archive]), keep);
      expect(restored).toMatchObject({ status: 'active', placement, createdAt });
      expect(await app.sql('acme', shelf)).toEqual([{ name: 'writer of acme', title: 'first of acme' }]);
      expect(await app.sql('bloom', shelf)).toEqual([{ name: 'writer of bloom', title: 'first of bloom' }]);
      if (isolation !== 'row') expect(await app.sql('acme', 'select state from book')).toEqual([{ state: 'new' }]);
      // New rows get numbers that no row has.
      await app.sql('acme', "insert into author (name) values ('another writer')");
      expect(await app.sql('acme', 'select count(*)::int as rows from author')).toEqual([{ rows: 2 }]);

      const [had] = kept;
      await app.tenants.restore('acme', () => Readable.from([had]), keep);
      expect(await app.sql('acme', 'select name from author order by id')).toEqual([
        { name: 'writer of acme' },
        { name: 'writer since' },
      ]);
      expect(await app.sql('acme', shelf)).toEqual([]);
      for await (const { id } of app.tenants.all()) await app.tenants.remove(id);
    } finally {
      await database.drop();
    }
  },
);

/** One process of an application with a list of authors, of which several may be open. */
async function open({ url, name }: { readonly url: string; readonly name: string }, migrations = [first]) {
  const orm = await createOrm(
    defineConfig({ clientUrl: url, entities: [], migrations: { migrationsList: migrations as never } }),
    { names: { database: (id) => `${name}_${id}` } },
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  const sql = (text: string) => tenancy.run('acme', () => orm.em.execute<Record<string, unknown>[]>(text));
  return {
    ...{ orm, tenancy, tenants: tenancy.tenants, sql },
    add: (writer: string) => sql(`insert into author (name) values ('${writer}')`),
    names: async () => (await sql('select name from author order by id')).map(({ name: found }) => found),
    [Symbol.asyncDispose]: () => tenancy.close(),
  };
}

const namesIn = (archive: Buffer) =>
  zstdDecompressSync(archive)
    .toString('latin1')
    .match(/writer \d+/g) ?? [];

test('an archive that turns out not to fit leaves the tenant closed, and what it had is given back', async () => {
  const database = await plainDatabase();
  try {
    await using app = await open(database);
    const { tenants } = app;
    await tenants.create({ id: 'acme' });
    await app.add('the writer');
    // A column that no migration makes.
    await app.sql('alter table author add column born int');
    const other = await buffer(await tenants.export('acme'));
    await app.sql('alter table author drop column born');
    const kept: Buffer[] = [];
    const keep = async (bytes: ReadableStream<Uint8Array>) => void kept.push(await buffer(bytes));
    await expect(tenants.restore('acme', () => Readable.from([other]), keep)).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      tenant: 'acme',
      cause: { code: 'ARCHIVE_INVALID' },
    });
    await expect(app.names()).rejects.toMatchObject({ code: 'TENANT_MAINTENANCE' });
    await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    await tenants.restore(
      'acme',
      () => Readable.from(kept),
      () => expect.unreachable(),
    );
    await tenants.resume('acme');
    expect(await app.names()).toEqual(['the writer']);
    await tenants.remove('acme');
  } finally {
    await database.drop();
  }
});

test.each(['schema', 'row'])(
  'an archive of another version than the code has is refused before a tenant of isolation %s is closed',
  async (isolation) => {
    const database = await plainDatabase();
    try {
      let early: Buffer;
      {
        await using app = await open(database);
        await app.tenants.create({ id: 'acme', isolation });
        await app.add('writer 1');
        early = await buffer(await app.tenants.export('acme'));
      }
      let late: Buffer;
      const refused = { code: 'ARCHIVE_INVALID' };
      {
        await using app = await open(database, [first, second]);
        await app.orm.migrations.up();
        await app.add('writer 2');
        late = await buffer(await app.tenants.export('acme'));
        const restore = () => app.tenants.restore('acme', () => Readable.from([early]), buffer);
        if (isolation === 'row') {
          await expect(restore()).rejects.toMatchObject({ ...refused, message: expect.stringContaining('move it to') });
          expect(await app.names()).toEqual(['writer 1', 'writer 2']);
          await app.tenants.move('acme', { isolation: 'schema' }, { online: 'never' });
        }
        await restore();
        expect(await app.names()).toEqual(['writer 1']);
        if (isolation === 'row') {
          await app.tenants.move('acme', { isolation }, { online: 'never' });
          expect(await app.names()).toEqual(['writer 1']);
        }
      }
      await using app = await open(database);
      const restore = app.tenants.restore(
        'acme',
        () => Readable.from([late]),
        () => expect.unreachable(),
      );
      await expect(restore).rejects.toMatchObject({ ...refused, message: expect.stringContaining('"Second"') });
      expect(await app.names()).toEqual(['writer 1']);
      await app.tenants.remove('acme');
    } finally {
      await database.drop();
    }
  },
);

test.each([
  [
    'writes more rows',
    `create function noted() returns trigger language plpgsql as $$ begin insert into author (name) values (new.title); return null; end $$`,
    'create trigger noted after insert on book for each row execute function noted()',
  ],
  [
    'refuses a deletion',
    `create function kept() returns trigger language plpgsql as $$ begin raise exception 'append only'; end $$`,
    'create trigger kept before delete on book for each row execute function kept()',
  ],
])(
  'a trigger of shared tables that %s is told of before anything is deleted, and in isolation schema it does not fire',
  async (_, ...sql) => {
    const database = await plainDatabase();
    const triggers = migration('Triggers', sql);
    try {
      await using app = await open(database, [first, triggers]);
      await app.tenants.create({ id: 'acme', isolation: 'row' });
      await app.add('writer 1');
      const archive = await buffer(await app.tenants.export('acme'));
      await app.add('writer 2');
      const restore = () => app.tenants.restore('acme', () => Readable.from([archive]), buffer);
      const message = expect.stringContaining('of the shared table "book"');
      await expect(restore()).rejects.toMatchObject({ code: 'ARCHIVE_INVALID', message });
      expect(await app.names()).toEqual(['writer 1', 'writer 2']);
      await app.tenants.move('acme', { isolation: 'schema' }, { online: 'never' });
      await restore();
      expect(await app.names()).toEqual(['writer 1']);
      await app.tenants.remove('acme');
    } finally {
      await database.drop();
    }
  },
);

test.each(['schema', 'database', 'row'])(
  'what another process has acknowledged is kept when a tenant of isolation %s is restored or erased',
  async (isolation) => {
    const database = await plainDatabase();
    try {
      await using app = await open(database);
      await using elsewhere = await open(database);
      const { tenants } = app;
      await tenants.create({ id: 'acme', isolation });
      const archive = await buffer(await tenants.export('acme'));
      const kept: Buffer[] = [];
      const keep = async (bytes: ReadableStream<Uint8Array>) => void kept.push(await buffer(bytes));
      let count = 0;
      /** Each row in a scope of its own, as requests write them, until the first is refused. */
      async function written(): Promise<readonly string[]> {
        const acknowledged: string[] = [];
        for (;;) {
          count += 1;
          const name = `writer ${count}`;
          try {
            await elsewhere.add(name);
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^TENANT_(MAINTENANCE|SUSPENDED)$/) });
            return acknowledged;
          }
          acknowledged.push(name);
        }
      }
      await elsewhere.add('nobody');
      const [writing, restoring] = [written(), tenants.restore('acme', () => Readable.from([archive]), keep)];
      await restoring;
      expect(namesIn(kept[0] as Buffer)).toEqual(await writing);
      expect(await app.names()).toEqual([]);
      // The other process learns that the tenant is open again.
      await vi.waitFor(() => elsewhere.add('nobody'), 10_000);
      const [writingOn, erasing] = [written(), tenants.erase('acme', keep)];
      await erasing;
      expect(namesIn(kept[1] as Buffer)).toEqual(await writingOn);
    } finally {
      await database.drop();
    }
  },
);
