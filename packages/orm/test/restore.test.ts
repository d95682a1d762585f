import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
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
      const restored = await app.tenants.restore('acme', Readable.from([archive]), keep);
      expect(restored).toMatchObject({ status: 'active', placement, createdAt });
      expect(await app.sql('acme', shelf)).toEqual([{ name: 'writer of acme', title: 'first of acme' }]);
      expect(await app.sql('bloom', shelf)).toEqual([{ name: 'writer of bloom', title: 'first of bloom' }]);
      if (isolation !== 'row') expect(await app.sql('acme', 'select state from book')).toEqual([{ state: 'new' }]);
      // New rows get numbers that no row has.
      await app.sql('acme', "insert into author (name) values ('another writer')");
      expect(await app.sql('acme', 'select count(*)::int as rows from author')).toEqual([{ rows: 2 }]);

      await app.tenants.restore('acme', Readable.from(kept), keep);
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

test('an archive that cannot be imported leaves the tenant closed, and what it had is given back', async () => {
  const database = await plainDatabase();
  try {
    const orm = await createOrm(
      defineConfig({ clientUrl: database.url, entities: [], migrations: { migrationsList: [first] as never } }),
    );
    const tenancy = createTenancy({ resources: [orm] });
    const { tenants } = tenancy;
    try {
      await tenancy.migrateCentral();
      await tenants.create({ id: 'acme' });
      const names = () => tenancy.run('acme', () => orm.em.execute('select name from author'));
      await tenancy.run('acme', () => orm.em.execute("insert into author (name) values ('the writer')"));
      const whole = await buffer(await tenants.export('acme'));
      const kept: Buffer[] = [];
      const keep = async (bytes: ReadableStream<Uint8Array>) => void kept.push(await buffer(bytes));
      const tar = zstdDecompressSync(whole).toString('latin1').replace('the writer', 'no writer!');
      const altered = Readable.from([zstdCompressSync(Buffer.from(tar, 'latin1'))]);
      await expect(tenants.restore('acme', altered, keep)).rejects.toMatchObject({
        code: 'PROVISION_FAILED',
        tenant: 'acme',
        cause: { code: 'ARCHIVE_INVALID' },
      });
      await expect(names()).rejects.toMatchObject({ code: 'TENANT_MAINTENANCE' });
      await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
      await tenants.restore('acme', Readable.from(kept), () => expect.unreachable());
      await tenants.resume('acme');
      expect(await names()).toEqual([{ name: 'the writer' }]);
    } finally {
      await tenancy.close();
    }
  } finally {
    await database.drop();
  }
});
