import type { TenantStatus } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { type CutShort, openCutShort } from './fixtures/cut-short.ts';

// Makes and drops some fifty databases.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const isolations = ['schema', 'database', 'row'];

interface Site extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  query(sql: string): Promise<unknown[]>;
  /** Ends these processes of the server: what was sent to them last may be under way still. */
  ended(pids: readonly number[]): Promise<void>;
  /** What there is of tenants. */
  leftovers(): Promise<unknown[]>;
}

async function openSite(): Promise<Site> {
  const database = await plainDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  return {
    name: database.name,
    url: database.url,
    query: async (sql) => (await client.query(sql)).rows,
    ended: async (pids) => {
      await client.query('select pg_terminate_backend(pid, 60000) from pg_stat_activity where pid = any($1)', [pids]);
    },
    leftovers: async () => {
      const { rows } = await client.query(
        `select nspname as name from pg_namespace where nspname like 't\\_%'
         union all select datname from pg_database where starts_with(datname, '${database.name}_') and not datistemplate
         union all select id from central.tenant`,
      );
      return rows;
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await database.drop();
    },
  };
}

async function statusOf({ orm }: CutShort): Promise<TenantStatus | undefined> {
  return (await orm.store.find('acme'))?.status;
}

async function works({ tenancy, orm }: CutShort) {
  expect(await tenancy.run('acme', () => orm.em.count(Author))).toBe(0);
  expect(await orm.migrations.up()).toMatchObject({ migrated: 0, upToDate: 0, failed: [] });
}

/** Calls `at` with 1, 2, 3 … until it says that nothing was cut short any more. */
async function atEachStatement(at: (n: number) => Promise<'cut' | 'whole'>): Promise<number> {
  for (let n = 1; n < 100; n += 1) if ((await at(n)) === 'whole') return n - 1;
  throw new Error('It never came to an end.');
}

describe.each(isolations)('a tenant of isolation %s', (isolation) => {
  test('whose making loses its connection at any statement is gone, or is repaired or cleared', async () => {
    await using site = await openSite();
    const app = await openCutShort(site.url, site.name);
    await app.tenancy.migrateCentral();
    await app.tenancy.tenants.create({ id: 'acme', isolation });
    await app.tenancy.tenants.remove('acme');
    const seen = new Set<unknown>();
    const cuts = await atEachStatement(async (n) => {
      void app.cutAt(n, 'lost');
      const outcome = await app.tenancy.tenants.create({ id: 'acme', isolation }).catch((error) => error);
      const whole = app.sent() < n;
      void app.cutAt(0, 'never');
      const status = await statusOf(app);
      seen.add(status);
      if (whole) expect(outcome).toMatchObject({ status: 'active' });
      else if (status !== 'active') {
        expect(outcome).toBeInstanceOf(Error);
        await expect(app.tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
        if (status === undefined) expect(await site.leftovers()).toEqual([]);
        else if (n % 2 === 0) await app.tenancy.tenants.repair('acme', { clear: true });
        else await app.tenancy.tenants.repair('acme');
      }
      await endAs(app, site);
      return whole ? 'whole' : 'cut';
    });
    expect(cuts).toBeGreaterThan(5);
    expect(seen).toContain(undefined);
    await app.tenancy.close();
  });

  test.each([
    ['create', 'provisioning'],
    ['remove', 'removing'],
  ] as const)('whose process dies at any statement of %s is finished by another', async (verb, left) => {
    await using site = await openSite();
    const app = await openCutShort(site.url, site.name);
    await app.tenancy.migrateCentral();
    // The template is there before, as it is for all but the first.
    await app.tenancy.tenants.create({ id: 'first', isolation });
    await app.tenancy.tenants.remove('first');
    const seen = new Set<unknown>();
    await atEachStatement(async (n) => {
      const { tenancy, cutAt, sent, pids } = await openCutShort(site.url, site.name);
      if (verb === 'remove') await tenancy.tenants.create({ id: 'acme', isolation });
      const dead = cutAt(n, 'dead');
      const work =
        verb === 'create' ? tenancy.tenants.create({ id: 'acme', isolation }) : tenancy.tenants.remove('acme');
      await Promise.race([dead, work]);
      const whole = sent() < n;
      if (whole) await tenancy.close();
      else await site.ended(pids());
      const status = await statusOf(app);
      seen.add(status);
      if (status === 'provisioning') {
        await expect(app.tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
        await app.tenancy.tenants.repair('acme');
      }
      await endAs(app, site);
      return whole ? 'whole' : 'cut';
    });
    expect(seen).toContain(left);
    await app.tenancy.close();
  });
});

test('a schema whose adoption dies at any statement keeps its rows, and can be adopted again', async () => {
  await using site = await openSite();
  const app = await openCutShort(site.url, site.name);
  await app.tenancy.migrateCentral();
  const asked = { id: 'acme', placement: { schema: 'legacy' } };
  const sql = (statement: string) => site.query(statement);
  await sql(`create schema legacy; create table legacy.author (id serial primary key, name text);
    insert into legacy.author (name) values ('first')`);
  const seen = new Set<unknown>();
  await atEachStatement(async (n) => {
    const { tenancy, cutAt, sent, pids } = await openCutShort(site.url, site.name);
    const dead = cutAt(n, 'dead');
    const work = tenancy.tenants.adopt(asked, { at: 'CreateLibrary' });
    await Promise.race([dead, work]);
    const whole = sent() < n;
    if (whole) await tenancy.close();
    else await site.ended(pids());
    const status = await statusOf(app);
    seen.add(status);
    if (status === 'provisioning') {
      // It cannot be made anew, as there is something; only forgotten.
      if (n % 2) await expect(app.tenancy.tenants.repair('acme')).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
      await app.tenancy.tenants.repair('acme', { clear: true });
    }
    if (status !== 'active') await app.tenancy.tenants.adopt(asked, { at: 'CreateLibrary' });
    await app.tenancy.run('acme', async () =>
      expect(await app.orm.em.find(Author, {})).toMatchObject([{ name: 'first' }]),
    );
    await app.tenancy.tenants.remove('acme');
    expect(await sql(`select obj_description('legacy'::regnamespace) as mark`)).toEqual([{ mark: null }]);
    await sql('drop table legacy.mikro_orm_migrations, legacy.country');
    return whole ? 'whole' : 'cut';
  });
  expect(seen).toEqual(new Set([undefined, 'provisioning', 'active']));
  await app.tenancy.close();
});

/** Whatever there is of the tenant works, and goes without leaving anything. */
async function endAs(app: CutShort, site: Site) {
  const status = await statusOf(app);
  if (status && status !== 'removing') await works(app);
  if (status) await app.tenancy.tenants.remove('acme');
  expect(await site.leftovers()).toEqual([]);
}
