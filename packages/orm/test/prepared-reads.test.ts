import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { Isolation } from '../src/placement/placement.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';

const Thing = defineEntity({
  name: 'Thing',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    kind: p.enum(['open', 'shut']).nativeEnumName('thing_kind'),
    big: p.bigint(),
    ratio: p.float(),
    price: p.decimal(),
    done: p.boolean(),
    at: p.datetime(),
  },
});

class CreateThings extends Migration {
  override up() {
    this.addSql(`create type thing_kind as enum ('open', 'shut')`);
    this.addSql(`create table thing (id serial primary key, name text not null, kind thing_kind not null, big bigint not null,
      ratio real not null, price numeric(12, 2) not null, done boolean not null, at timestamptz not null)`);
  }
}

const at = new Date('2020-02-02T02:02:02Z');

async function site(isolation: Isolation, rows?: { password: string; keys: string }, max = 1) {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [Thing], migrations: { migrationsList: [CreateThings] } }),
    { isolation, connections: { max }, ...(rows && { rows }) },
  );
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  for (const [n, id] of ['a', 'b'].entries()) {
    await tenancy.tenants.create({ id });
    if (isolation === 'database') onTestFinished(() => tenancy.tenants.remove(id));
    await tenancy.run(id, () =>
      orm.em.insertMany(
        Thing,
        Array.from({ length: 5 }, (_, i) => ({
          ...{ id: n * 5 + i + 1, name: `${id}'s \\ ${i}`, kind: i % 2 ? 'shut' : 'open' },
          ...{ big: 9_007_199_254_740_993n, ratio: 0.1, price: '12.50', done: i > 2, at },
        })),
      ),
    );
  }
  const find = (tenant: string, where: object, options: object = {}) =>
    tenancy.run(tenant, async () => (await orm.em.fork().find(Thing, where, options)).map(({ name }) => name));
  /** What the orm has sent last, of those connections whose statements are shown. */
  async function last(): Promise<string> {
    const { rows } = await admin.query(`select coalesce(max(query), '') as query from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`);
    return rows[0].query;
  }
  async function untilExecuted(tenant: string, where: object): Promise<void> {
    for (
      const deadline = performance.now() + 30_000;
      !new RegExp(`to '${tenant}'.*;execute omnitenant_`).test(await last());
    ) {
      expect(performance.now(), 'it is never executed').toBeLessThan(deadline);
      await find(tenant, where);
    }
  }
  /** Changes the shared tables, as another process would. */
  async function asOwner(sql: string): Promise<void> {
    const { rows } = await admin.query(`select nspowner::regrole as owner from pg_namespace where nspname = 'rows'`);
    await admin.query(`set role ${rows[0].owner}`);
    await admin.query(sql);
    await admin.query('reset role');
  }
  return { asOwner, orm, tenancy, find, last, untilExecuted };
}

describe.each<[string, Isolation, { password: string; keys: string } | undefined]>([
  ['row', 'row', undefined],
  ['row, with a login of its own', 'row', { password: 'tenants', keys: generateCredentialsKey() }],
  ['database', 'database', undefined],
])('prepared reads, isolation %s', (_, isolation, rows) => {
  test('find what the text with its values would', async () => {
    const { find } = await site(isolation, rows);
    const conditions: [object, number][] = [
      [{ name: "a's \\ 1" }, 1],
      [{ name: { $like: "a's%" } }, 5],
      [{ name: { $in: ["a's \\ 1", "a's \\ 2", "b's \\ 1"] } }, 2],
      [{ kind: 'shut' }, 2],
      [{ big: 9_007_199_254_740_993n }, 5],
      [{ big: 9_007_199_254_740_992n }, 0],
      // PostgreSQL compares a real with a number of the text as doubles.
      [{ ratio: 0.1 }, 0],
      [{ ratio: { $gt: 0 } }, 5],
      [{ price: '12.5' }, 5],
      [{ price: { $lt: 13 } }, 5],
      [{ done: true }, 2],
      [{ at }, 5],
      [{ at: { $gt: at } }, 0],
      [{ id: { $ne: null } }, 5],
      [{ id: { $gt: -1 } }, 5],
    ];
    for (let round = 0; round < 10; round += 1) {
      for (const [where, count] of conditions)
        expect(await find('a', where), JSON.stringify(Object.keys(where))).toHaveLength(count);
      expect(await find('a', {}, { limit: (round % 3) + 1, offset: 1, orderBy: { id: 1 } })).toHaveLength(
        (round % 3) + 1,
      );
    }
  });

  test('two tenants read in turn over one connection, each its own rows', async () => {
    const { find } = await site(isolation, rows);
    for (let round = 0; round < 10; round += 1) {
      const found = await Promise.all(
        Array.from({ length: 20 }, (_, n) => find(n % 2 ? 'a' : 'b', { id: (n % 10) + 1 })),
      );
      expect(found).toEqual(
        Array.from({ length: 20 }, (_, n) => {
          const [own, row] = [n % 2 ? 'a' : 'b', n % 10];
          return (row < 5 ? 'a' : 'b') === own ? [`${own}'s \\ ${row % 5}`] : [];
        }),
      );
    }
  });

  test('what is prepared ends with what a tenant’s own SQL makes of it', async () => {
    const { find, tenancy, orm } = await site(isolation, rows);
    for (const sql of [
      'deallocate all',
      'discard all',
      `do $$ begin for n in 1..99 loop begin execute 'deallocate omnitenant_' || n; exception when others then null; end;
        execute 'prepare omnitenant_' || n || ' (int) as select ''x'' as name'; end loop; end $$`,
    ]) {
      for (let round = 0; round < 8; round += 1) expect(await find('b', { id: 7 })).toEqual(["b's \\ 1"]);
      await tenancy.run('a', () => orm.em.execute(sql)).catch((error: unknown) => error);
      for (let round = 0; round < 8; round += 1) expect(await find('b', { id: 8 })).toEqual(["b's \\ 2"]);
    }
  });
});

test('a read that is made often is prepared once on a connection, and then executed', async () => {
  const { find, last, untilExecuted } = await site('row');
  await untilExecuted('a', { id: 1 });
  await untilExecuted('b', { id: 7 });
  const name = /execute (\w+)/.exec(await last())?.[1];
  expect(await find('b', { id: 6 })).toEqual(["b's \\ 0"]);
  expect(await last()).toMatch(new RegExp(`set local "?omnitenant.tenant"? to 'b'.*;execute ${name} \\(6\\)$`, 's'));
});

test('what is prepared shows no later tenant the values that it was first sent with', async () => {
  const { tenancy, orm, untilExecuted } = await site('row');
  await untilExecuted('b', { name: "b's \\ 1" });
  const seen = await tenancy.run('a', () =>
    orm.em.execute<{ statement: string }[]>('select statement from pg_prepared_statements'),
  );
  expect(seen).toContainEqual({
    statement: expect.stringMatching(/;prepare omnitenant_\d+ \(unknown\) as select .* from "thing"/),
  });
  for (const { statement } of seen) expect(statement).not.toMatch(/execute|b's/);
});

test('a table that is changed is read on, as it is then', async () => {
  const { asOwner, find, untilExecuted } = await site('row');
  await untilExecuted('a', { name: "a's \\ 1" });
  await asOwner('alter table rows.thing add column note text');
  expect(await find('a', { name: "a's \\ 1" })).toEqual(["a's \\ 1"]);
  await asOwner('alter table rows.thing alter column name type varchar(200)');
  for (let round = 0; round < 5; round += 1) {
    expect(await find('a', { name: "a's \\ 1" })).toEqual(["a's \\ 1"]);
    expect(await find('b', { name: "a's \\ 1" })).toEqual([]);
  }
});

test('a column whose type another process changes is compared as what it is then, at the latest half a minute later', async () => {
  const { asOwner, orm, tenancy, last } = await site('row', undefined, 3);
  await asOwner('alter table rows.thing alter column at type date');
  const where = { at: { $lt: '2020-02-02 20:00Z' } } as object;
  const count = () => tenancy.run('a', () => orm.em.fork().count(Thing, where));
  const counts = () => Promise.all(Array.from({ length: 12 }, count));
  for (const deadline = performance.now() + 30_000; !/;execute omnitenant_/.test(await last()); ) {
    expect(performance.now(), 'it is never executed').toBeLessThan(deadline);
    for (let round = 0; round < 12; round += 1) expect(await counts()).toEqual(Array(12).fill(0));
  }
  await asOwner(`alter table rows.thing alter column at type timestamptz using at + time '18:00'`);
  const now = performance.now.bind(performance);
  const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 31_000);
  onTestFinished(() => later.mockRestore());
  for (let round = 0; round < 12; round += 1) expect(await count()).toBe(5);
  for (let round = 0; round < 12; round += 1) expect(await counts()).toEqual(Array(12).fill(5));
});

test('a column of a new type that PostgreSQL cannot compare with the former one is read on at once', async () => {
  const { asOwner, orm, tenancy, find } = await site('row');
  const count = () => tenancy.run('a', () => orm.em.fork().count(Thing, { kind: 'shut' }));
  for (let round = 0; round < 12; round += 1)
    expect([await count(), await find('b', { kind: 'shut' })].flat()).toHaveLength(3);
  await asOwner('alter table rows.thing alter column kind type text using kind::text');
  for (let round = 0; round < 12; round += 1)
    expect([await count(), await find('b', { kind: 'shut' })].flat()).toHaveLength(3);
});

test('where each tenant has a schema of its own, nothing is prepared', async () => {
  const { find, last } = await site('schema');
  for (let round = 0; round < 20; round += 1) expect(await find('a', { id: 1 })).toHaveLength(1);
  expect(await last()).toMatch(/;set local statement_timeout to 50;.*select "t0"/s);
});
