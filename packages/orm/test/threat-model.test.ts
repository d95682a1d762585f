import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, testServer } from '@omnitenant/tooling';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/threat-model.md'), 'utf8');

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary(), text: p.string() } });

class CreateNote extends Migration {
  override up(): void {
    this.addSql('create table note (id serial primary key, text text not null)');
  }
}

const configOf = ({ url }: { readonly url: string }, more: { readonly pool?: { readonly max: number } } = {}) =>
  defineConfig({ clientUrl: url, entities: [Note], migrations: { migrationsList: [CreateNote] }, ...more });

const login = { password: 'tenants', keys: generateCredentialsKey() };

/** Who is attacked. An error shows what a cast cannot read, as the rows of several statements are not returned. */
interface Target {
  /** A schema of another tenant. */
  readonly other: string;
  /** The schema of bloom's rows, and the role that an attacker would become to read them. */
  readonly schema: string;
  readonly role: string;
  readonly largeObject: string;
}

/** The statements of the table, by the words that it has for them. */
const statements: Record<string, (target: Target) => string> = {
  'select … from other_schema.t': ({ other }) => `select text from ${other}.note`,
  'select … from t': () => 'select text from note',
  'set search_path to other; select … from t': ({ other }) => `set search_path to ${other}; select text::int from note`,
  "set omnitenant.tenant to 'other'; select … from t": () =>
    `set omnitenant.tenant to 'bloom'; select text::int from note`,
  'commit; select … from t': () => 'commit; select text::int from note',
  'reset role; select … from other_schema.t': ({ other }) => `reset role; select text::int from ${other}.note`,
  "a statement with set_config('role', …) in it": ({ role, schema }) =>
    `with taken as materialized (select set_config('role', '${role}', true))
     select query_to_xml('select text from ${schema}.note', true, false, '') from taken`,
  'a do block': ({ role, schema }) =>
    `do $$ declare found text; begin
       set local role ${role}; select string_agg(text, ',') into found from ${schema}.note; raise exception '%', found;
     end $$`,
  'SQL in a text that a function runs': ({ role, schema }) =>
    `select query_to_xml('select set_' || 'config(''role'', ''${role}'', true)', true, false, ''),
       query_to_xml('select text from ${schema}.note', true, false, '')`,
  'alter table t disable row level security': () => 'alter table note disable row level security',
  'select … from central.tenant': () => 'select id from central.tenant',
  "the text of another tenant's statement, in pg_stat_activity": () => 'select query from pg_stat_activity',
  'a large object of another tenant, by its number': ({ largeObject }) =>
    `select convert_from(lo_get(${largeObject}), 'UTF8') as text`,
};

/** The table: what the page says of each statement, in each arrangement. */
const [arrangements = [], , ...rows] = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) =>
        cell
          .trim()
          .replaceAll(/[`*]|\(.\)/g, '')
          .trim(),
      ),
  );

describe.each(arrangements.slice(1))('in %s', (arrangement) => {
  const [isolation = '', roles] = arrangement.split(' with ');
  const isShared = isolation === 'row';
  let orm: Orm;
  let tenancy: Tenancy;
  let target: Target;
  const close: (() => unknown)[] = [];

  beforeAll(async () => {
    const database = await plainDatabase();
    close.unshift(database.drop);
    const config = configOf(database);
    const names = {
      role: (id: string) => `${database.name}_${id}`,
      database: (id: string) => `${database.name}_${id}`,
    };
    const open = async () => {
      orm = await createOrm(config, { roles: roles === 'roles', names, ...(roles === 'a login' && { rows: login }) });
      tenancy = createTenancy({ resources: [orm] });
      await tenancy.migrateCentral();
    };
    await open();
    close.unshift(() => tenancy.close());
    if (roles === 'a login') {
      await tenancy.tenants.create({ id: 'acme', isolation });
      for (const { sql } of await orm.sharedTables.examine()) {
        for (const statement of sql) await asSuperuser(database.name, statement);
      }
      await tenancy.tenants.remove('acme');
      // What the settings hold for is connections that are made afterwards.
      await tenancy.close();
      await open();
    }
    for (const id of ['acme', 'bloom']) {
      await tenancy.tenants.create({ id, isolation });
      close.unshift(() => tenancy.tenants.remove(id));
      await tenancy.run(id, () => orm.em.insert(Note, { text: `of ${id}` }));
    }
    if (isShared) {
      await tenancy.tenants.create({ id: 'cedar', isolation: 'schema' });
      close.unshift(() => tenancy.tenants.remove('cedar'));
      await tenancy.run('cedar', () => orm.em.insert(Note, { text: 'of bloom' }));
    }
    const { placement } = await tenancy.tenants.get('bloom');
    const largeObject = await tenancy
      .run('bloom', () => orm.em.execute<{ oid: string }[]>(`select lo_from_bytea(0, 'of bloom') as oid`))
      .then(([made]) => made?.oid)
      .catch(() => undefined);
    if (largeObject)
      close.unshift(() => tenancy.run('bloom', () => orm.em.execute(`select lo_unlink(${largeObject})`)));
    target = {
      other: isShared ? 't_cedar' : 't_bloom',
      schema: String(placement.schema),
      role: isShared ? `${placement.role}_owner` : 'none',
      largeObject: largeObject ?? '1',
    };
  });
  afterAll(async () => {
    for (const undo of close) await undo();
  });

  /** What a statement in acme's scope comes to, in the words of the table. */
  async function outcomeOf(sql: string): Promise<string> {
    const answer = await tenancy.run('acme', () => orm.em.execute(sql)).catch((error: Error) => error);
    const shown = answer instanceof Error ? answer.message : JSON.stringify(answer);
    if (/of bloom|"id":"bloom"/.test(answer instanceof Error ? shown.replace(sql, '') : shown)) return 'reads it';
    if (shown.includes('of acme')) return 'own rows only';
    if (!(answer instanceof Error)) return 'nothing there';
    return /permission denied|(?:is|are) refused|would affect too|must be owner/.test(shown)
      ? 'refused'
      : 'nothing there';
  }

  test.each(rows)('the table says what happens to: %s', async (name = '', ...cells) => {
    const statement = statements[name];
    if (!statement) throw new Error(`The table has a statement that is not tested: ${name}`);
    const said = cells[arrangements.indexOf(arrangement) - 1] as string;
    // A transaction of bloom's, whose text the server shows to whoever may see it.
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: sent, resolve: told } = Promise.withResolvers<void>();
    const bloom = tenancy.run('bloom', () =>
      orm.em.transactional(async (em) => {
        await em.execute(`select 'of bloom' as secret`);
        told();
        await held;
      }),
    );
    await sent;
    try {
      expect(await outcomeOf(statement(target))).toEqual(said === '' ? expect.any(String) : said);
    } finally {
      release();
      await bloom;
    }
  });
});

async function asSuperuser(database: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: testServer().url.replace(/\/[^/]*$/, `/${database}`) });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

test('the login is shared by the tenants that have no role', async () => {
  const database = await plainDatabase();
  const tenants = await createOrm(configOf(database));
  const tenancy = createTenancy({ resources: [tenants] });
  try {
    await tenancy.migrateCentral();
    for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
    const ended = tenancy.run('bloom', () =>
      tenants.em.transactional(async (em) => {
        const [{ pid } = {}] = await em.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
        await tenancy.run('acme', () => tenants.em.execute(`select pg_terminate_backend(${pid})`));
        await em.execute('select 1');
      }),
    );
    await expect(ended).rejects.toThrow();
    expect(await tenancy.run('bloom', () => tenants.em.execute('select 1 as one'))).toEqual([{ one: 1 }]);
  } finally {
    await tenancy.close();
    await database.drop();
  }
});

test('advisory locks and notifications are shared by the tenants of a database', async () => {
  const database = await plainDatabase();
  const orm = await createOrm(configOf(database));
  const tenancy = createTenancy({ resources: [orm] });
  const listener = new Client({ connectionString: database.url });
  try {
    await listener.connect();
    await listener.query('listen news');
    await tenancy.migrateCentral();
    for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
    const heard = new Promise((resolve) => listener.once('notification', ({ payload }) => resolve(payload)));
    await tenancy.run('acme', () =>
      orm.em.transactional(async (em) => {
        await em.execute('select pg_advisory_xact_lock(7)');
        const [{ free } = {}] = await tenancy.run('bloom', () =>
          orm.em.execute<{ free: boolean }[]>('select pg_try_advisory_lock(7) as free'),
        );
        expect(free).toBe(false);
        await em.execute(`notify news, 'of acme'`);
      }),
    );
    expect(await heard).toBe('of acme');
  } finally {
    await listener.end();
    await tenancy.close();
    await database.drop();
  }
});

test('the seed of random numbers and the names of schemas are shared by the tenants of a database', async () => {
  const database = await plainDatabase();
  const orm = await createOrm(configOf(database, { pool: { max: 1 } }));
  const tenancy = createTenancy({ resources: [orm] });
  const first = (id: string, sql: string) =>
    tenancy.run(id, async () => Object.values((await orm.em.execute<object[]>(sql))[0] ?? {})[0]);
  try {
    await tenancy.migrateCentral();
    for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
    const drawn = new Set<unknown>();
    for (let round = 0; round < 2; round += 1) {
      await first('acme', 'select setseed(0.5)');
      drawn.add(await first('bloom', 'select random()'));
    }
    expect(drawn.size).toBe(1);
    expect(await first('acme', `select nspname from pg_namespace where nspname = 't_bloom'`)).toBe('t_bloom');
  } finally {
    await tenancy.close();
    await database.drop();
  }
});
