import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { defineEntity, p } from '@mikro-orm/core';
import { defineConfig as defineLibSql } from '@mikro-orm/libsql';
import { defineConfig as defineMariadb } from '@mikro-orm/mariadb';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig as defineSqlite } from '@mikro-orm/sqlite';
import { createAdmin } from '@omnitenant/admin';
import { createCache } from '@omnitenant/cache';
import { createTenancy, fromSubdomain, isTenancyError, type Tenancy, type TenancyOptions } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/hono';
import { createMariadb } from '@omnitenant/mariadb';
import { expectNoLeak, openTestTenants } from '@omnitenant/orm/testing';
import { instrumentTenancy } from '@omnitenant/otel';
import { Queue, Worker } from '@omnitenant/queue';
import { createSqlite, type Sqlite } from '@omnitenant/sqlite';
import { type TestMariadb, testMariadb, testRedis } from '@omnitenant/tooling';
import { createWebhooks } from '@omnitenant/webhooks';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';

/** An application whose tenants are not on PostgreSQL. */
interface App {
  readonly orm: Omit<Sqlite, 'stats'> & { stats(): object };
  readonly tenancy: Tenancy;
  readonly cache: ReturnType<typeof createCache>;
}

type Act = (app: App) => unknown;

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });

function createTask(sql: string) {
  return class CreateTask extends Migration {
    override up(): void {
      this.addSql(sql);
    }

    override down(): void {
      this.addSql('drop table task');
    }
  };
}

const folder = mkdtempSync(join(tmpdir(), 'omnitenant-databases-'));
let server: TestMariadb | undefined;
beforeAll(async () => {
  server = await testMariadb();
});
afterAll(async () => {
  await server?.drop();
  rmSync(folder, { recursive: true });
});

const inFiles = createTask('create table task (id integer primary key, title text not null)');
const onServer = createTask('create table task (id int auto_increment primary key, title varchar(255) not null)');
const common = (CreateTask: typeof inFiles, name: string) => ({
  entities: [Task],
  migrations: { migrationsList: [CreateTask], path: join(folder, name, 'migrations') },
});

/** The column of the guide's table, and an orm for it, on storage of this name. */
const databases: Record<string, { readonly column: number; readonly open: (name: string) => Promise<App['orm']> }> = {
  SQLite: {
    column: 2,
    open: (name) => createSqlite(defineSqlite(common(inFiles, name)), { folder: join(folder, name) }),
  },
  libSQL: {
    column: 2,
    open: (name) => createSqlite(defineLibSql(common(inFiles, name)), { folder: join(folder, name) }),
  },
  MariaDB: {
    column: 3,
    async open(name) {
      assert.ok(server);
      const { host, port, user, password } = server;
      const at = { host, port, user, password, dbName: server.database() };
      return createMariadb(defineMariadb({ ...common(onServer, name), ...at }), {
        logins: { secret: 'a secret of tests, and of no use elsewhere' },
      });
    },
  },
};

/** What is done for each row of the guide's table. Each call is to have the outcome that the table says. */
const rows: Record<string, readonly Act[]> = {
  '`create`, `update`, `suspend`, `resume`, `startMaintenance`, `remove`': [
    async ({ tenancy: { tenants } }) => {
      await tenants.create({ id: 'cedar', isolation: 'database' });
      await tenants.update('cedar', { name: 'Cedar' });
      await tenants.suspend('cedar');
      await tenants.startMaintenance('cedar');
      await tenants.resume('cedar');
      await tenants.remove('cedar');
    },
    ({ tenancy: { tenants } }) => tenants.create({ id: 'closed' }, { migrate: false }),
  ],
  '`migrate`, `repair`, `reset`, `archive`, `purge`': [
    async ({ orm, tenancy: { tenants } }) => {
      const draft = { isolation: 'database', placement: {}, config: {} };
      await orm.store.insert({ id: 'dune', name: 'dune', status: 'provisioning', ...draft }, []);
      await tenants.repair('dune');
      await tenants.migrate('dune');
      await tenants.reset('dune');
      await tenants.archive('dune', { retainUntil: new Date(1) });
      assert.deepEqual((await tenants.purge()).purged, ['dune']);
    },
  ],
  'domains of tenants': [
    async ({ tenancy: { tenants } }) => {
      await tenants.addDomain('acme', 'acme.example');
      assert.equal((await tenants.findByDomain('acme.example'))?.id, 'acme');
      await tenants.removeDomain('acme', 'acme.example');
    },
  ],
  '`export`, `import`, `restore`, `erase`': [
    async ({ tenancy: { tenants } }) => {
      await tenants.import(await tenants.export('acme'), { as: 'elm' });
      const archive = await buffer(await tenants.export('elm'));
      await tenants.restore('elm', () => Readable.from([archive]), buffer);
      await tenants.erase('elm', async (bytes) => void (await text(bytes)));
    },
  ],
  '`export` with `anonymise`': [
    ({ tenancy }) => tenancy.tenants.export('acme', { anonymise: { record: () => ({}), resources: {} } }),
  ],
  '`move`, `undoMove`': [
    ({ tenancy }) => tenancy.tenants.move('acme', { isolation: 'schema' }),
    ({ tenancy }) => tenancy.tenants.undoMove('acme', { forget: true }),
  ],
  '`adopt`, `remove` with `keepStorage`': [
    ({ tenancy }) => tenancy.tenants.adopt({ id: 'fir', placement: { database: 'fir' } }),
    ({ tenancy }) => tenancy.tenants.remove('acme', { keepStorage: true }),
  ],
  'isolation `schema` and `row`': [
    ({ tenancy }) => tenancy.tenants.create({ id: 'gum', isolation: 'schema' }),
    ({ tenancy }) => tenancy.tenants.create({ id: 'gum', isolation: 'row' }),
    async ({ tenancy: { tenants } }) =>
      tenants.import(await tenants.export('acme'), { as: 'gum', isolation: 'schema' }),
  ],
  'a `placement`: another server, a name': [
    ...[{ server: 'eu' }, { database: 'x' }, { schema: 'x' }, { role: 'x' }, { url: 'env:X' }].map(
      (placement): Act =>
        ({ tenancy }) =>
          tenancy.tenants.create({ id: 'hazel', placement }),
    ),
    async ({ tenancy: { tenants } }) =>
      tenants.import(await tenants.export('acme'), { as: 'hazel', placement: { server: 'eu' } }),
  ],
  'your own columns of a tenant': [({ tenancy }) => tenancy.tenants.update('acme', { plan: 'gold' } as object)],
  '`tenancy.run`, `each`, `usage`, `health`, `impersonation`': [
    async ({ orm, tenancy }) => {
      await tenancy.run('acme', () => orm.em.insert(Task, { title: 'one' }));
      const counts = await list(tenancy.each(() => orm.em.count(Task)));
      assert.deepEqual(
        counts.map(({ value }) => value),
        [1, 0],
      );
      assert.equal((await tenancy.health()).ready, true);
      const token = await tenancy.as({ actor: 'ann' }, () => tenancy.impersonation.grant('acme', { user: 'kim' }));
      const user = () => tenancy.impersonation.redeem(token, (as) => as.user);
      assert.equal(await tenancy.run('acme', user), 'kim');
      const used = () => tenancy.usage({ tenant: 'acme', storage: true });
      await vi.waitFor(async () => assert.ok(((await used())[0]?.statements ?? 0) > 0), 60_000);
    },
  ],
  'the audit': [
    async ({ orm, tenancy }) => {
      await tenancy.as({ actor: 'ann' }, () => tenancy.tenants.update('bloom', { name: 'Bloom' }));
      assert.ok(orm.store.audit);
      const entries = await orm.store.audit.page({ tenant: 'bloom', order: 'newest', limit: 9 });
      assert.ok(entries.some(({ verb, actor }) => verb === 'update' && actor === 'ann'));
    },
  ],
  'transactions, savepoints, Kysely, streams': [
    ({ orm, tenancy }) =>
      tenancy.run('acme', async () => {
        await orm.em.transactional((em) => em.transactional((inner) => inner.insert(Task, { title: 'two' })));
        assert.equal(
          (
            await orm.em
              .getKysely()
              .selectFrom('task' as never)
              .selectAll()
              .execute()
          ).length,
          2,
        );
        assert.equal((await list(orm.em.stream(Task))).length, 2);
      }),
  ],
  '`em` in `tenancy.central()`': [({ orm, tenancy }) => tenancy.central(() => orm.em.count(Task))],
  '`orm.migrations`': [
    async ({ orm: { migrations } }) => {
      await migrations.names();
      assert.equal((await list(migrations.status())).length, 3);
      await migrations.plan({ direction: 'down' });
      await migrations.up({ canary: 1 });
      assert.deepEqual((await migrations.verify({ fix: true })).groups, []);
      const one = { tenants: ['closed'] };
      assert.equal((await migrations.down({ ...one, to: 0 })).migrated, 1);
      assert.equal((await migrations.fake(one)).migrated, 1);
      assert.equal((await migrations.fake({ ...one, to: 0 })).migrated, 1);
      assert.equal((await migrations.up(one)).migrated, 1);
      await migrations.create({ blank: true });
      assert.deepEqual(await migrations.central.up(), []);
    },
  ],
  '`orm.migrations.central`: `down`, `fake`, `create`': [
    ({ orm }) => orm.migrations.central.down(),
    ({ orm }) => orm.migrations.central.fake(),
    ({ orm }) => orm.migrations.central.create(),
  ],
  'the cache and the queue': [
    async ({ orm, tenancy, cache }) => {
      const build = () => tenancy.use(cache).getOrSet('tasks', () => orm.em.count(Task));
      assert.deepEqual([await tenancy.run('acme', build), await tenancy.run('bloom', build)], [2, 0]);
      assert.equal(await inJob(tenancy, () => orm.em.count(Task)), 2);
    },
  ],
  'adapters for frameworks': [
    async ({ orm, tenancy }) => {
      const app = new Hono().use(tenancyMiddleware(tenancy)).get('/', async (c) => c.json(await orm.em.count(Task)));
      assert.equal(await (await app.request('http://acme.app.test/')).text(), '2');
    },
  ],
  'the control plane (`createAdmin`)': [
    async ({ orm, tenancy }) => {
      const operator = { id: 'ann', permissions: ['read'] as const };
      const admin = createAdmin({ tenancy, orm, hosts: ['ops.test'], authorize: () => operator });
      const ask = (path: string) => admin(new Request(`http://ops.test/admin/api/v1${path}`));
      const paths = ['tenants', 'tenants/acme', 'migrations', 'connections', 'health', 'operations', 'audit', 'usage'];
      for (const path of paths) assert.equal((await ask(`/${path}`)).status, 200, path);
      const fleet = (await (await ask('/fleet')).json()) as object;
      // Only its own database knows a tenant's version.
      assert.deepEqual({ ...fleet, version: { unknown: 3 }, behind: 0 }, fleet);
    },
  ],
  'test tenants and `expectNoLeak`': [
    async ({ orm, tenancy }) => {
      await expectNoLeak({
        tenancy,
        orm,
        tenants: ['acme', 'bloom'],
        seed: (canary) => orm.em.insert(Task, { title: canary('title') }),
        app: new Hono().use(tenancyMiddleware(tenancy)).get('/', async (c) => c.json(await orm.em.find(Task, {}))),
        requests: { 'list tasks': (tenant) => new Request(`http://${tenant}.app.test/`) },
      });
    },
    async ({ orm, tenancy }) => {
      for (const reuse of [undefined, 'rollback'] as const) {
        const start = () => ({ tenancy: { ...tenancy, close: async () => {} }, orm });
        const tenants = await openTestTenants({ start, ...(reuse && { reuse }) });
        for (const title of ['first', 'second']) {
          await using one = await tenants.open();
          assert.equal(await one.em.count(Task), 0, `${reuse} ${title}`);
          await one.em.insert(Task, { title });
        }
        await tenants.close();
      }
    },
  ],
  "test tenants with `reuse: 'reset'`": [
    async ({ orm, tenancy }) => {
      const start = () => ({ tenancy: { ...tenancy, close: async () => {} }, orm });
      const tenants = await openTestTenants({ start, reuse: 'reset' });
      await tenants.open().finally(() => tenants.close());
    },
  ],
  'the option `domains`: proofs': [(app) => createTenancy({ resources: [app.orm], domains: {} })],
  webhooks: [({ orm, tenancy }) => createWebhooks({ tenancy, orm, endpoints: [] })],
  'the option `orm` of `instrumentTenancy`': [
    ({ orm, tenancy }) => instrumentTenancy(tenancy, { orm: orm as never })(),
  ],
};

/** Adds a job in a tenant, and returns what it returns. */
async function inJob(tenancy: Tenancy, work: () => Promise<unknown>): Promise<unknown> {
  await using redis = await testRedis();
  const { hostname: host, port } = new URL(redis.url);
  const options = { connection: { host, port: Number(port || 6379) }, prefix: `${redis.prefix}{queue}` };
  const queue = new Queue('counts', options);
  const done = Promise.withResolvers<unknown>();
  const worker = new Worker('counts', work, { ...options, tenancy });
  worker.on('completed', (_, result) => done.resolve(result));
  worker.on('failed', (_, error) => done.reject(error));
  try {
    await tenancy.run('acme', () => queue.add('count', {}));
    return await done.promise;
  } finally {
    await worker.close();
    await queue.close();
  }
}

const page = readFileSync(new URL('./guide/sqlite.md', import.meta.url), 'utf8');
const table = page
  .slice(page.indexOf('## What works on which'))
  .split('\n## ', 2)
  .join('\n## ')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  .slice(2);

test('every row of the table of databases is tried', () => {
  const names = table.map(([name]) => name).filter((name) => name !== missingParts);
  assert.deepEqual(names, Object.keys(rows));
});

const missingParts = '`orm.credentials`, `sharedTables`, `ready`, `anonymisation`, `nudge`, `examineServers`';

describe.each(Object.entries(databases))('on %s, as the guide says:', (name, { column, open }) => {
  let app: App;
  beforeAll(async () => {
    const orm = await open(name);
    const cache = createCache();
    const options: TenancyOptions = { resolver: fromSubdomain('app.test'), usage: { flushMs: 50 } };
    const impersonation = { key: 'a key of at least 32 bytes, for tests' };
    const tenancy = createTenancy({ ...options, resources: [orm, cache], impersonation });
    app = { orm, tenancy, cache };
    await tenancy.migrateCentral();
    for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  });
  afterAll(() => app.tenancy.close());

  test.each(Object.entries(rows))('%s', async (row, acts) => {
    const said = table.find(([label]) => label === row)?.[column];
    for (const act of acts) {
      const outcome = await Promise.resolve(app)
        .then(act)
        .then(
          () => 'yes',
          (error: unknown) => (isTenancyError(error) ? `refused: \`${error.code}\`` : Promise.reject(error)),
        );
      assert.equal(outcome, said);
    }
    // What is refused has changed nothing.
    if (said !== 'yes')
      assert.deepEqual(
        (await list(app.tenancy.tenants.all())).map(({ id, status }) => `${id}: ${status}`),
        ['acme: active', 'bloom: active', 'closed: maintenance'],
      );
  });

  test('what the orm does not have is no member of it', () => {
    assert.equal(table.find(([label]) => label === missingParts)?.[column], 'no');
    for (const part of missingParts.matchAll(/\w+(?=`)/g)) assert.equal(Object.hasOwn(app.orm, part[0]), false);
  });
});

async function list<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
