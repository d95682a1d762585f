import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, isTenancyError, type Tenancy, type Tenant } from '@omnitenant/core';
import { plainDatabase, type TestDatabase, testName } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { isolationSuite } from '../src/testing/index.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';

/** Runs in no transaction, and so on a connection of its own. */
class IndexNames extends Migration {
  override isTransactional(): boolean {
    return false;
  }

  override up(): void {
    this.addSql('create index concurrently author_name on author (name)');
  }
}

/** What no message may hold: a password that has to be encoded in a URL. */
const secret = `pw/${randomBytes(9).toString('hex')}`;

interface App extends AsyncDisposable {
  readonly orm: Orm;
  readonly tenancy: Tenancy;
  readonly name: string;
  /** The URL of the same server, as a role of its own. */
  readonly own: string;
  readonly role: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** The same application in another process, as far as it knows. */
  open(
    options: OrmOptions,
    migrations?: (typeof CreateLibrary)[],
  ): Promise<{ orm: Orm; tenancy: Tenancy } & AsyncDisposable>;
}

async function open(options: OrmOptions = {}, migrations = [CreateLibrary, AddCountries]): Promise<App> {
  const database = await plainDatabase();
  const { url: own, role, client } = await roleOn(database);
  async function openOn(further: OrmOptions, migrationsList = migrations) {
    const orm = await createOrm(
      defineConfig({ clientUrl: database.url, entities: libraryEntities, migrations: { migrationsList } }),
      { shared: [Country], names: { database: (id) => `${database.name}_${id}` }, ...options, ...further },
    );
    const tenancy = createTenancy({ resources: [orm], cache: { ttlMs: 1 } });
    return { orm, tenancy, [Symbol.asyncDispose]: () => tenancy.close() };
  }
  const { orm, tenancy } = await openOn({});
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    own,
    role,
    name: database.name,
    query: async (sql) => (await client.query(sql)).rows,
    open: openOn,
    async [Symbol.asyncDispose]() {
      for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
      await tenancy.close();
      await client.end();
      await database.drop();
    },
  };
}

/** Another role, with a password, on the server of a database; it goes with that. */
async function roleOn(database: TestDatabase) {
  const client = new pg.Client(database.url);
  await client.connect();
  const role = `${database.name}_own`;
  await client.query(`create role ${role} login createdb password '${secret}'`);
  const url = new URL(database.url);
  Object.assign(url, { username: role, password: encodeURIComponent(secret), pathname: '/postgres' });
  return { url: url.href, role, client };
}

async function refusal(work: () => Promise<unknown>): Promise<Error> {
  try {
    await work();
  } catch (error) {
    holdsNoSecret(error);
    return error as Error;
  }
  throw new Error('It was not refused.');
}

function holdsNoSecret(value: unknown): void {
  const shown = inspect(value, { depth: 20, showHidden: true, maxStringLength: null }) + JSON.stringify(value);
  expect(shown).not.toContain(secret.slice(3));
}

async function whoAmI(app: Pick<App, 'orm' | 'tenancy'>, id: string) {
  const [found] = await app.tenancy.run(id, () =>
    app.orm.em.execute('select current_user as user, current_database() as database'),
  );
  return found;
}

function backends(app: App) {
  return app.query(
    `select datname from pg_stat_activity where usename = '${app.role}' and backend_type = 'client backend'`,
  );
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a tenant on a server of its own', () => {
  test('is made, migrated, used and removed there, whether its URL is sealed or in the environment', async () => {
    await using app = await open({ credentials: { keys: generateCredentialsKey() } });
    const variable = testName().toUpperCase();
    vi.stubEnv(variable, app.own);
    const urls = { sealed: await app.orm.credentials.seal(app.own), named: `env:${variable}` };
    for (const [id, url] of Object.entries(urls)) {
      const tenant = await app.tenancy.tenants.create({ id, isolation: 'database', placement: { url } });
      const kept = url.startsWith('env:') ? url : expect.not.stringContaining(url);
      expect(tenant.placement).toEqual({ server: 'own', database: `${app.name}_${id}`, schema: 'public', url: kept });
      expect(await whoAmI(app, id)).toEqual({ user: app.role, database: `${app.name}_${id}` });
      await app.tenancy.run(id, () => app.orm.em.insert(Author, { name: id }));
      expect(await app.tenancy.run(id, () => app.orm.em.find(Author, {}))).toMatchObject([{ name: id }]);
      holdsNoSecret(tenant);
    }
    for (const id of Object.keys(urls)) await app.tenancy.tenants.remove(id);
    expect(await app.query(`select 1 from pg_database where datname like '${app.name}\\_%'`)).toEqual([]);
  });

  test('is adopted there', async () => {
    await using app = await open();
    vi.stubEnv('OMNITENANT_TEST_OWN', app.own);
    const database = `${app.name}_legacy`;
    await app.query(`create database ${database}`);
    await app.query(`grant ${app.role} to current_user`);
    await app.query(`alter database ${database} owner to ${app.role}`);
    await app.tenancy.tenants.adopt({
      id: 'acme',
      isolation: 'database',
      placement: { url: 'env:OMNITENANT_TEST_OWN', database },
    });
    expect(await whoAmI(app, 'acme')).toEqual({ user: app.role, database });
    await app.tenancy.tenants.remove('acme');
    await app.query(`drop database ${database} with (force)`);
  });

  test('has a login that reaches nothing of others, whatever SQL it sends', async () => {
    await using app = await open();
    vi.stubEnv('OMNITENANT_TEST_OWN', app.own);
    await app.tenancy.tenants.create({
      id: 'acme',
      isolation: 'database',
      placement: { url: 'env:OMNITENANT_TEST_OWN' },
    });
    await app.tenancy.tenants.create({ id: 'bloom' });
    await app.tenancy.run('bloom', () => app.orm.em.insert(Author, { name: 'of bloom' }));
    await app.query(`alter role ${app.role} nocreatedb`);
    await app.query(`revoke connect on database ${app.name} from public`);
    const sent = (sql: string) =>
      app.tenancy.run('acme', () => app.orm.em.execute<Record<string, unknown>[]>(sql)).catch((error: Error) => error);

    const memberOf = await sent(
      `select rolname from pg_roles where rolname not in (session_user, 'pg_database_owner')
         and pg_has_role(session_user, oid, 'member')`,
    );
    expect(memberOf).toEqual([]);
    expect(await sent(`select has_database_privilege(session_user, '${app.name}', 'connect') as may`)).toEqual([
      { may: false },
    ]);

    // A transaction of bloom's, whose text and whose connection somebody of the same login could reach.
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<number>();
    const bloom = app.tenancy.run('bloom', () =>
      app.orm.em.transactional(async (em) => {
        const [{ pid } = { pid: 0 }] = await em.execute<{ pid: number }[]>(
          `select pg_backend_pid() as pid, 'of bloom' as secret`,
        );
        begun.resolve(pid);
        await held.promise;
        await em.execute('select 1');
      }),
    );
    const pid = await begun.promise;
    const [{ login } = {}] = await app.query('select session_user as login');
    for (const sql of [
      'select * from t_bloom.author',
      'set search_path to t_bloom; select name::int from author',
      `reset role; select name::int from t_bloom.author`,
      `set role ${login}`,
      `set session authorization ${login}`,
      `do $$ begin execute 'set ' || 'role ${login}'; end $$`,
      `select query_to_xml('select * from t_bloom.author', true, false, '')`,
      `select query_to_xml('select set_' || 'config(''role'', ''${login}'', true)', true, false, '')`,
      'select database_to_xml(true, false, $$$$)',
      `copy author from program 'psql'`,
      `select pg_read_file('pg_hba.conf')`,
      'select id from central.tenant',
      'select query from pg_stat_activity',
      `select pg_terminate_backend(${pid})`,
      `alter database ${app.name} allow_connections false`,
      `alter role ${login} password 'mine'`,
      `drop database ${app.name}`,
      `create extension dblink`,
    ]) {
      const answer = await sent(sql);
      expect(answer instanceof Error ? answer.message.replace(sql, '') : JSON.stringify(answer), sql).not.toContain(
        'of bloom',
      );
    }
    held.resolve();
    await bloom;
    expect(await app.tenancy.run('bloom', () => app.orm.em.find(Author, {}))).toMatchObject([{ name: 'of bloom' }]);
    expect(await app.tenancy.run('acme', () => app.orm.em.find(Author, {}))).toEqual([]);
  });

  test('is reached by the migrations of the fleet, and one whose credentials cannot be read holds up nobody', async () => {
    await using app = await open({ credentials: { keys: generateCredentialsKey() } }, [CreateLibrary]);
    const url = await app.orm.credentials.seal(app.own);
    vi.stubEnv('OMNITENANT_TEST_OWN', app.own);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url } });
    await app.tenancy.tenants.create({
      id: 'bloom',
      isolation: 'database',
      placement: { url: 'env:OMNITENANT_TEST_OWN' },
    });
    await app.tenancy.tenants.create({ id: 'cobalt' });
    await using newer = await app.open({ credentials: { keys: generateCredentialsKey() } }, [
      CreateLibrary,
      AddCountries,
      IndexNames,
    ]);
    const { migrated, failed } = await newer.orm.migrations.up();
    expect(migrated).toBe(2);
    expect(failed).toMatchObject([{ tenant: 'acme', error: { code: 'MIGRATE_FAILED' } }]);
    expect(failed[0]?.error.cause).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', tenant: 'acme' });
    holdsNoSecret(failed);
    const indexes = () => newer.orm.em.execute(`select 1 as found from pg_indexes where indexname = 'author_name'`);
    expect(await newer.tenancy.run('bloom', indexes)).toEqual([{ found: 1 }]);
  });

  test('is refused with a URL that is kept as it is, by the registry and by the store', async () => {
    await using app = await open();
    const placement = { url: app.own };
    const refused = await refusal(() => app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement }));
    expect(refused).toMatchObject({ code: 'TENANT_INVALID', message: expect.stringContaining('orm.credentials.seal') });
    const acme = await app.tenancy.tenants.create({ id: 'acme' });
    const kept = [
      () => app.orm.store.update('acme', { placement: { ...acme.placement, ...placement } }),
      () => app.orm.store.insert({ ...acme, id: 'bloom', placement }, []),
      () => app.orm.credentials.replace('acme', app.own),
    ];
    for (const keep of kept) expect(await refusal(keep)).toMatchObject({ code: 'TENANT_INVALID' });
    expect(await app.query(`select 1 from central.tenant where placement::text like '%postgres%'`)).toEqual([]);
  });

  test.each([
    [{ isolation: 'schema' }, {}, /isolation "database"/],
    [{ isolation: 'database' }, { server: 'default' }, /both a server and a url/],
    [{ isolation: 'database' }, { url: undefined, server: 'own' }, /no server "own"/],
  ])('is refused where it makes no sense (%#)', async (input, placement, message) => {
    await using app = await open();
    const wanted = JSON.parse(JSON.stringify({ url: 'env:OMNITENANT_TEST_OWN', ...placement }));
    const error = await refusal(() => app.tenancy.tenants.create({ id: 'acme', ...input, placement: wanted }));
    expect(error).toMatchObject({ code: 'TENANT_INVALID', message: expect.stringMatching(message) });
  });

  test('that is down is told as its own, and others are served', async () => {
    await using app = await open({ credentials: { keys: generateCredentialsKey() } });
    await app.tenancy.tenants.create({ id: 'bloom' });
    const url = await app.orm.credentials.seal(app.own);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url } });
    const down = new URL(app.own);
    down.port = '1';
    await using elsewhere = await app.open({});
    await elsewhere.orm.credentials.replace('acme', await app.orm.credentials.seal(down.href));
    const error = await refusal(() => whoAmI(elsewhere, 'acme'));
    expect(error).toMatchObject({ code: 'SERVER_UNAVAILABLE', status: 503, tenant: 'acme' });
    expect(error.message).toContain(
      `The database "${app.name}_acme" of the tenant "acme", on a server of its own, cannot be used: nothing answers`,
    );
    expect(await whoAmI(elsewhere, 'bloom')).toMatchObject({ database: app.name });
    await app.orm.credentials.replace('acme', url);
  });

  test('has no socket when it is idle, and its connections are the first to know of other credentials', async () => {
    await using app = await open({ connections: { idleMs: 20 }, credentials: { keys: generateCredentialsKey() } });
    const url = await app.orm.credentials.seal(app.own);
    const { placement } = await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url } });
    await app.query(
      `create role ${app.role}_2 login createdb password '${secret}'; grant ${app.role} to ${app.role}_2`,
    );
    const other = new URL(app.own);
    other.username = `${app.role}_2`;
    await using elsewhere = await app.open({ connections: { idleMs: 60_000 } });
    expect(await whoAmI(elsewhere, 'acme')).toMatchObject({ user: app.role });
    await elsewhere.orm.credentials.replace('acme', await app.orm.credentials.seal(other.href));
    await vi.waitFor(async () => expect(await whoAmI(elsewhere, 'acme')).toMatchObject({ user: `${app.role}_2` }));
    await elsewhere.orm.credentials.replace('acme', placement.url as string);
    await elsewhere.tenancy.close();
    await vi.waitFor(async () => expect(await backends(app)).toEqual([]));
    await app.query(`drop role ${app.role}_2`);
  });

  test('is reached by many at once under a budget of its own', async () => {
    await using app = await open({ connections: { max: 2 } });
    vi.stubEnv('OMNITENANT_TEST_OWN', app.own);
    const ids = ['acme', 'bloom', 'cobalt'];
    for (const id of ids) {
      await app.tenancy.tenants.create({
        id,
        isolation: 'database',
        placement: { url: 'env:OMNITENANT_TEST_OWN' },
      });
    }
    await app.query(`alter role ${app.role} connection limit 2`);
    const all = await Promise.all(Array.from({ length: 30 }, (_, n) => whoAmI(app, ids[n % 3] as string)));
    expect(all.map((one) => one?.['database'])).toEqual(all.map((_, n) => `${app.name}_${ids[n % 3]}`));
  });
});

describe('credentials that cannot be read', () => {
  test('are told with the tenant and what to do, and nobody else is held up', async () => {
    const keys = generateCredentialsKey();
    await using app = await open({ credentials: { keys } });
    await app.tenancy.tenants.create({ id: 'bloom' });
    const url = await app.orm.credentials.seal(app.own);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url } });
    for (const wrong of ['', generateCredentialsKey()]) {
      await using elsewhere = await app.open({ credentials: { keys: wrong } });
      const error = await refusal(() => whoAmI(elsewhere, 'acme'));
      expect(error).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', tenant: 'acme' });
      expect(await whoAmI(elsewhere, 'bloom')).toMatchObject({ database: app.name });
    }
  });

  test('keep a tenant that is to be removed, closed, until they can be read', async () => {
    await using app = await open({ credentials: { keys: generateCredentialsKey() } });
    const url = await app.orm.credentials.seal(app.own);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url } });
    await using elsewhere = await app.open({ credentials: { keys: generateCredentialsKey() } });
    const error = await refusal(() => elsewhere.tenancy.tenants.remove('acme'));
    expect(error).toMatchObject({ code: 'REMOVE_FAILED', cause: { code: 'CREDENTIALS_UNREADABLE' } });
    await app.tenancy.tenants.remove('acme');
    expect(await app.query(`select 1 from pg_database where datname like '${app.name}\\_%'`)).toEqual([]);
  });

  test('in the environment are missed by name, and leave nothing of a new tenant', async () => {
    await using app = await open();
    const error = await refusal(() =>
      app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url: 'env:OMNITENANT_TEST_NONE' } }),
    );
    expect(error).toMatchObject({
      code: 'PROVISION_FAILED',
      cause: { code: 'CREDENTIALS_UNREADABLE', message: expect.stringContaining('OMNITENANT_TEST_NONE is not set') },
    });
    expect(await app.query('select 1 from central.tenant')).toEqual([]);
  });

  test('keys that are none are refused at start', async () => {
    vi.stubEnv('OMNITENANT_KEYS', 'not-a-key');
    const error = await refusal(() => createOrm(defineConfig({ dbName: 'x', entities: [] })));
    expect(isTenancyError(error, 'CONFIG_INVALID')).toBe(true);
    expect(error.message).not.toContain('not-a-key');
    vi.stubEnv('OMNITENANT_KEYS', '');
    await refusal(() => createOrm(defineConfig({ dbName: 'x', entities: [] }), { servers: { own: {} } }));
  });
});

describe('rotating the key', () => {
  test('seals anew what was sealed with another, and then the old one is not needed', async () => {
    const [old, newer] = [generateCredentialsKey(), generateCredentialsKey()];
    await using app = await open({ credentials: { keys: old } });
    vi.stubEnv('OMNITENANT_TEST_OWN', app.own);
    const create = (id: string, url: string) =>
      app.tenancy.tenants.create({ id, isolation: 'database', placement: { url } });
    await create('acme', await app.orm.credentials.seal(app.own));
    await create('bloom', await app.orm.credentials.seal(app.own));
    await create('named', 'env:OMNITENANT_TEST_OWN');
    await app.tenancy.tenants.create({ id: 'small' });

    await using rotating = await app.open({ credentials: { keys: `${newer},${old}` } });
    const seen: [string, string][] = [];
    const onProgress = ({ tenant, outcome }: { tenant: string; outcome: string }) => seen.push([tenant, outcome]);
    expect(await rotating.orm.credentials.rotate({ onProgress })).toEqual({ rotated: 2, unchanged: 1, failed: [] });
    expect(seen).toEqual([
      ['acme', 'rotated'],
      ['bloom', 'rotated'],
      ['named', 'unchanged'],
    ]);
    expect(await rotating.orm.credentials.rotate()).toEqual({ rotated: 0, unchanged: 3, failed: [] });

    await using after = await app.open({ credentials: { keys: newer } });
    for (const id of ['acme', 'bloom']) expect(await whoAmI(after, id)).toMatchObject({ user: app.role });
    await after.tenancy.tenants.remove('acme');
    await after.tenancy.tenants.remove('bloom');
  });

  test('seals anew what a move that a process has left goes on with', async () => {
    const [old, newer] = [generateCredentialsKey(), generateCredentialsKey()];
    await using app = await open({ credentials: { keys: old } });
    const { createdAt } = await app.tenancy.tenants.create({ id: 'acme' });
    const url = await app.orm.credentials.seal(app.own);
    const target = { isolation: 'database', placement: { url } };
    await app.query(`insert into central.omnitenant_move (id, created_at, token, step, wish, origin, target)
      values ('acme', '${createdAt.toISOString()}', 'x', 'undoing', '${JSON.stringify(target)}', '{}', '${JSON.stringify(target)}')`);
    await using rotating = await app.open({ credentials: { keys: `${newer},${old}` } });
    expect(await rotating.orm.credentials.rotate()).toEqual({ rotated: 1, unchanged: 0, failed: [] });
    expect(await rotating.orm.credentials.rotate()).toEqual({ rotated: 0, unchanged: 1, failed: [] });
    const [left] = await app.query(
      `select wish #>> '{placement,url}' = target #>> '{placement,url}' as equal, target #>> '{placement,url}' = '${url}' as old from central.omnitenant_move`,
    );
    expect(left).toEqual({ equal: true, old: false });
    await app.query('delete from central.omnitenant_move');
  });

  test('reports what it cannot read, goes on, and can be ended', async () => {
    const [old, newer] = [generateCredentialsKey(), generateCredentialsKey()];
    await using app = await open({ credentials: { keys: old } });
    const draft = (id: string, url: string) =>
      ({ id, name: id, status: 'failed', isolation: 'database', config: {}, placement: placementOf(id, url) }) as const;
    const placementOf = (id: string, url: string): Tenant['placement'] => ({
      server: 'own',
      database: id,
      schema: 'public',
      url,
    });
    await using lost = await app.open({ credentials: { keys: generateCredentialsKey() } });
    await app.orm.store.insert(draft('acme', await lost.orm.credentials.seal(app.own)), []);
    await app.orm.store.insert(draft('bloom', await app.orm.credentials.seal(app.own)), []);

    await using rotating = await app.open({ credentials: { keys: `${newer},${old}` } });
    const ended = await rotating.orm.credentials.rotate({ signal: AbortSignal.abort() });
    expect(ended).toEqual({ rotated: 0, unchanged: 0, failed: [] });
    const report = await rotating.orm.credentials.rotate();
    expect(report).toMatchObject({
      rotated: 1,
      unchanged: 0,
      failed: [{ tenant: 'acme', error: { code: 'CREDENTIALS_UNREADABLE', tenant: 'acme' } }],
    });
    holdsNoSecret(report);
    await using keyless = await app.open({ credentials: { keys: '' } });
    expect(await refusal(() => keyless.orm.credentials.rotate())).toMatchObject({ code: 'CONFIG_INVALID' });
    for (const id of ['acme', 'bloom']) await app.orm.store.delete(id);
  });

  test('never overwrites what somebody has changed meanwhile', async () => {
    const [old, newer] = [generateCredentialsKey(), generateCredentialsKey()];
    await using app = await open({ credentials: { keys: old } });
    await using rotating = await app.open({ credentials: { keys: `${newer},${old}` } });
    await app.tenancy.tenants.create({
      id: 'acme',
      isolation: 'database',
      placement: { url: await app.orm.credentials.seal(app.own) },
    });
    const changed = await rotating.orm.credentials.seal(app.own);
    const all = rotating.orm.store.all.bind(rotating.orm.store);
    rotating.orm.store.all = async function* (filter) {
      for await (const tenant of all(filter)) {
        await app.orm.credentials.replace(tenant.id, changed);
        yield tenant;
      }
    };
    expect(await rotating.orm.credentials.rotate()).toEqual({ rotated: 0, unchanged: 1, failed: [] });
    expect(await app.orm.store.find('acme')).toMatchObject({ placement: { url: changed } });
    await rotating.tenancy.tenants.remove('acme');
  });
});

describe('replacing credentials', () => {
  test('is refused for a tenant that has none, and for one that is not there', async () => {
    await using app = await open();
    await app.tenancy.tenants.create({ id: 'small' });
    expect(await refusal(() => app.orm.credentials.replace('small', 'env:X'))).toMatchObject({
      code: 'TENANT_INVALID',
    });
    expect(await refusal(() => app.orm.credentials.replace('none', 'env:X'))).toMatchObject({ code: 'TENANT_UNKNOWN' });
  });
});

test('nothing that an application holds shows a password while connections are open', async () => {
  await using app = await open({ credentials: { keys: generateCredentialsKey() } });
  const url = await app.orm.credentials.seal(app.own);
  await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url } });
  await app.tenancy.run('acme', () =>
    app.orm.em.transactional(async (em) => {
      const held = [em.getConnection(), em.getTransactionContext(), app.tenancy.current()];
      expect(inspect(held, { depth: 12, showHidden: true })).not.toContain(secret.slice(3));
    }),
  );
});

describe('the isolation of tenants on servers of their own', () => {
  let database: TestDatabase | undefined;
  let client: pg.Client | undefined;
  const variable = `OMNITENANT_TEST_SUITE_${process.pid}`;
  isolationSuite({
    test,
    after: (close) =>
      afterAll(async () => {
        await close();
        delete process.env[variable];
        await client?.end();
        await database?.drop();
      }),
    config: async () => {
      database = await plainDatabase();
      const own = await roleOn(database);
      client = own.client;
      process.env[variable] = own.url;
      return defineConfig({ clientUrl: database.url });
    },
    orm: { names: { database: (id) => `${database?.name}_${id}` } },
    isolations: ['database'],
    placement: { url: `env:${variable}` },
  });
});
