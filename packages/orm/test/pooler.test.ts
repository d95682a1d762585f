import { setImmediate as turn } from 'node:timers/promises';
import { defineConfig } from '@mikro-orm/postgresql';
import { obtainable, plainDatabase, type TestDatabase, testPgBouncer } from '@omnitenant/tooling';
import { Pool, type PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DefaultTenant } from '../src/central/tenant-entity.ts';
import { databaseOpener } from '../src/connections/pg.ts';
import { initBaseOrm } from '../src/mikro-orm/base-orm.ts';
import type { RowLogin } from '../src/placement/row-login.ts';
import { isolationSuite } from '../src/testing/index.ts';
import { Author } from '../src/testing/library.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import { refusingProxy } from './fixtures/refusing-proxy.ts';
import { runLibrary } from './fixtures/running-library.ts';

/** Fewer than the clients that come, so that each connection to the server serves several of them. */
const serverConnections = 3;

describe.skipIf(!(await obtainable('pgbouncer')))('through PgBouncer in transaction mode', () => {
  let database: TestDatabase;
  let bouncer: Awaited<ReturnType<typeof testPgBouncer>>;

  beforeAll(async () => {
    database = await plainDatabase();
    bouncer = await testPgBouncer({
      upstream: database.url,
      poolSize: serverConnections,
      users: { [`${database.name}_verified_tenants`]: 'tenants' },
      // In turn, so that what comes next is sent to another connection of the server.
      settings: { ignore_startup_parameters: 'extra_float_digits', server_round_robin: 1 },
    });
  });
  afterAll(async () => {
    await bouncer.stop();
    await database.drop();
  });

  test('a search_path that is set on checkout reads the rows of others', async () => {
    await using library = await runLibrary(defineConfig({ clientUrl: bouncer.url }), fourOf('schema'));
    void library;
    const pool = new Pool({ connectionString: bouncer.url, max: 12 });
    try {
      const read = await interleave(pool, async (client, tenant) => {
        await client.query(`set search_path to "t_${tenant}"`);
        // Where nobody has set it yet, there is no such table.
        return () => client.query(`select name, pg_backend_pid() as pid from author`).catch(() => ({ rows: [] }));
      });
      expect(pidsOf(read).size).toBeLessThanOrEqual(serverConnections);
      expect(read.filter(({ name, tenant }) => name !== `first of ${tenant}`).length).toBeGreaterThan(0);
    } finally {
      await pool.end();
    }
  });

  test.each(['schema', 'row'])(
    'what the orm sends reads its own, on connections that are shared: %s',
    async (isolation) => {
      await using library = await runLibrary(
        defineConfig({ clientUrl: bouncer.url, driverOptions: { max: 12 } }),
        fourOf(isolation),
      );
      const { tenancy, orm } = library;
      const read = (
        await Promise.all(
          scopes.map((tenant, n) =>
            tenancy.run(tenant, async () => {
              async function leave() {
                await orm.em.execute('set search_path to nowhere');
                await orm.em.execute('set statement_timeout to 20');
                await orm.em.execute(`create temporary table author as select 'left behind'::text as name`);
              }
              const ask = () =>
                orm.em.execute<Row[]>('select name, pg_backend_pid() as pid from author, pg_sleep(0.025) as slowly');
              const rows: Row[] = [];
              for (let round = 0; round < 6; round += 1) {
                if ((n + round) % 2) await leave();
                else rows.push(...(await ask()), ...(await orm.em.transactional(ask)));
              }
              return rows.map((row) => ({ ...row, tenant }));
            }),
          ),
        )
      ).flat();
      const left = await Promise.all(
        scopes.map(() =>
          tenancy.central(() =>
            orm.em.execute(`select nullif(current_setting('omnitenant.tenant', true), '') as tenant, pg_sleep(0.025)`),
          ),
        ),
      );
      expect(left.flat().filter((row) => (row as { tenant: string | null }).tenant !== null)).toEqual([]);
      expect(read).toHaveLength(scopes.length * 6);
      expect(read.filter(({ name, tenant }) => name !== `first of ${tenant}`)).toEqual([]);
      expect(pidsOf(read).size).toBeLessThanOrEqual(serverConnections);
      for (const pid of pidsOf(read)) expect(tenantsOn(pid, read), `the tenants on ${pid}`).toBeGreaterThan(1);
    },
  );

  test('what a transaction leaves that raw SQL ends is ended with it, and reaches nobody', async () => {
    await using library = await runLibrary(
      defineConfig({ clientUrl: bouncer.url, driverOptions: { max: 12 } }),
      fourOf('schema'),
    );
    const { tenancy, orm } = library;
    const leave = ['set lock_timeout to 7654', 'select pg_try_advisory_lock(7654)', 'listen of_a'];
    const fail = 'select 1/0';
    for (const end of ['commit', 'COMMIT', '/* done */ commit work', 'end', 'rollback', 'ABORT', `${fail}; ROLLBACK`]) {
      await tenancy.run('a', () => orm.em.execute(['begin', ...leave, end].join('; '))).catch(() => {});
      await tenancy.run('a', () =>
        orm.em.transactional(async (em) => {
          for (const sql of [...leave, ...end.split('; ')]) await em.execute(sql).catch(() => {});
        }),
      );
      const left = await Promise.all(
        scopes.slice(0, 24).map(() =>
          tenancy.run('b', () =>
            orm.em.execute(
              `select current_setting('lock_timeout') as timeout, (select count(*)::int from pg_listening_channels()) as channels,
                 (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks, pg_sleep(0.005)::text as slowly`,
            ),
          ),
        ),
      );
      expect(new Set(left.flat().map((row) => JSON.stringify(row))), end).toEqual(
        new Set([JSON.stringify({ timeout: '0', channels: 0, locks: 0, slowly: '' })]),
      );
    }
  });

  test('no two reads are under way on one connection: a pooler may mix up the answers', async () => {
    const base = await initBaseOrm(
      defineConfig({ clientUrl: bouncer.url, entities: [DefaultTenant] }),
      () => undefined,
    );
    async function opened(clientUrl: string) {
      const opener = databaseOpener(base, {}, { clientUrl, dbName: database.name });
      const { client, ...what } = await opener.open();
      await opener.close(client);
      return what;
    }
    expect(await opened(database.url)).toEqual({ isDirect: true, canPipeline: true, takesSeveral: true });
    expect(await opened(bouncer.url)).toEqual({ isDirect: false, canPipeline: false, takesSeveral: true });
  });

  describe.each<[name: string, isolations: string[], rows?: RowLogin]>([
    ['schema', ['schema']],
    ['row, with a login of its own', ['row'], { password: 'tenants', keys: generateCredentialsKey() }],
    ['several isolations in one application', ['schema', 'database', 'row']],
  ])('the isolation suite: %s', (_, isolations, rows) => {
    isolationSuite({
      test,
      after: afterAll,
      config: () => defineConfig({ clientUrl: bouncer.url, driverOptions: { max: 20 } }),
      // Those with a login have a schema of their own: the others would have to be taken over.
      orm: { rows, names: { database: (id) => `${database.name}_${id}`, ...(rows && { rows: 'verified' }) } },
      isolations,
      skip: isolations.includes('row')
        ? [
            {
              test: 'the same primary key in two tenants is never taken for the same row',
              reason: 'generated keys are unique in shared tables, so two tenants never have the same',
            },
          ]
        : [],
    });
  });
});

test.each(['schema', 'database'])(
  'where a message may not set something and do more, that is asked once for each connection, and all goes on: %s',
  async (isolation) => {
    const database = await plainDatabase();
    onTestFinished(database.drop);
    await using proxy = await refusingProxy(database.url);
    await using library = await runLibrary(
      defineConfig({ clientUrl: proxy.url, driverOptions: { max: 4 } }),
      fourOf(isolation),
    );
    const { tenancy, orm } = library;
    for (let round = 0; round < 5; round += 1) {
      const read = scopes.map((tenant) => tenancy.run(tenant, () => orm.em.fork().find(Author, {})));
      const found = await Promise.all(read);
      expect(found.map((authors) => authors.map(({ name }) => name))).toEqual(scopes.map((id) => [`first of ${id}`]));
    }
    expect(proxy.refused.filter((text) => !text.includes('pg_backend_pid'))).toEqual([]);
    expect(proxy.refused.length).toBeGreaterThan(0);
  },
);

interface Row {
  readonly name: string;
  readonly pid: number;
}
type Read = Row & { readonly tenant: string };

const tenants = ['a', 'b', 'c', 'd'];
const scopes = Array.from({ length: 80 }, (_, n) => tenants[n % tenants.length] as string);

function fourOf(isolation: string) {
  return Object.fromEntries(tenants.map((id) => [id, { isolation }]));
}

function pidsOf(read: readonly Read[]): Set<number> {
  return new Set(read.map(({ pid }) => pid));
}

function tenantsOn(pid: number, read: readonly Read[]): number {
  return new Set(read.filter((row) => row.pid === pid).map(({ tenant }) => tenant)).size;
}

/** For each scope, one checkout: what `prepare` does with it is over, for all of its turn, before anybody asks. */
async function interleave(
  pool: Pool,
  prepare: (client: PoolClient, tenant: string) => Promise<() => Promise<{ rows: Row[] }>>,
): Promise<Read[]> {
  const read: Read[] = [];
  await Promise.all(
    scopes.map(async (tenant) => {
      const client = await pool.connect();
      try {
        const ask = await prepare(client, tenant);
        await turn();
        const { rows } = await ask();
        read.push(...rows.map((row) => ({ ...row, tenant })));
      } finally {
        client.release();
      }
    }),
  );
  return read;
}
