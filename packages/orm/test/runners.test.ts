import { obtainable, testPgBouncer } from '@omnitenant/tooling';
import { describe, expect, test, vi } from 'vitest';
import { openCutShort } from './fixtures/cut-short.ts';
import { AddNotes, type App, all, FillNotes, first, ids, notesOf, openSite, type Site } from './fixtures/fleet-site.ts';

// Opens many applications, one after another and at once.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const hasPgBouncer = await obtainable('pgbouncer');
const transactional = [...first, AddNotes, FillNotes];

async function logOf(site: Site, id: string): Promise<unknown[]> {
  return (await site.query(`select name from t_${id}.mikro_orm_migrations order by id`)).map(({ name }) => name);
}

/** The advisory locks that somebody has in the site's database. */
function locksOf(site: Site): Promise<unknown[]> {
  return site.query(`select pid from pg_locks join pg_database d on d.oid = database
    where locktype = 'advisory' and datname = current_database()`);
}

/** Each migration has been applied once. */
async function isWhole(site: Site, app: App, tenants: readonly string[], migrations: readonly { name: string }[]) {
  for (const id of tenants) {
    expect(await notesOf(app, id)).toEqual(["it's; one", `t_${id}`]);
    expect(await logOf(site, id)).toEqual(migrations.map(({ name }) => name));
  }
  expect(await app.orm.migrations.up()).toEqual({ total: 0, migrated: 0, upToDate: 0, failed: [], remaining: 0 });
}

describe('twelve runners at once, each with connections of its own,', () => {
  async function run(site: Site, migrations: typeof all, url: string) {
    const before = await site.open(first);
    for (const id of ids(4)) await before.tenancy.tenants.create({ id });
    const apps: App[] = [];
    for (let n = 0; n < 12; n += 1) apps.push(await site.open(migrations, { connections: { max: 2 } }, { url }));
    const reports = await Promise.all(apps.map(({ orm }) => orm.migrations.up()));
    expect(reports.flatMap(({ failed }) => failed)).toEqual([]);
    await isWhole(site, apps[0] as App, ids(4), migrations);
  }

  test('apply each migration once', async () => {
    await using site = await openSite();
    await run(site, all, site.url);
  });

  test.skipIf(!hasPgBouncer)(
    'apply each migration once through PgBouncer in transaction mode, and leave no lock on its connections',
    async () => {
      await using site = await openSite();
      const bouncer = await testPgBouncer({ upstream: site.url, poolSize: 5 });
      try {
        await run(site, transactional, bouncer.url);
        expect(await locksOf(site)).toEqual([]);
      } finally {
        await bouncer.stop();
      }
    },
  );
});

test.skipIf(!hasPgBouncer)(
  'what runs in no transaction is refused behind PgBouncer, even where every session is in the tenant’s schema',
  async () => {
    await using site = await openSite();
    const before = await site.open(transactional);
    await before.tenancy.tenants.create({ id: 'acme-1' });
    await site.query(`alter role current_user in database "${site.name}" set search_path to "t_acme-1"`);
    const bouncer = await testPgBouncer({ upstream: site.url });
    const app = await site.open(all, {}, { url: bouncer.url });
    try {
      const { failed } = await app.orm.migrations.up();
      expect(failed.map(({ error }) => error)).toMatchObject([
        { code: 'MIGRATE_FAILED', tenant: 'acme-1', cause: { code: 'STATEMENT_REFUSED' } },
      ]);
      expect(await locksOf(site)).toEqual([]);
      await app.tenancy.close();
    } finally {
      await bouncer.stop();
    }
    expect(await (await site.open(all)).orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
  },
);

describe.each([
  ['its connection', 'lost'],
  ['its process', 'dead'],
] as const)('a run that loses %s', (_, how) => {
  test('at any statement is finished by the next one, and applies nothing twice', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    await before.tenancy.tenants.create({ id: 't0' });
    const app = await site.open(all);
    let n = 1;
    for (let whole = false; !whole; n += 1) {
      const { orm, tenancy, cutAt, sent } = await openCutShort(site.url, site.name, all);
      const cut = cutAt(n, how);
      const work = orm.migrations.up().catch(() => {});
      await (how === 'dead' ? Promise.race([cut, work]) : work);
      whole = sent() < n;
      if (how === 'lost' || whole) await tenancy.close();

      expect(await app.orm.migrations.up()).toMatchObject({ failed: [], remaining: 0 });
      await isWhole(site, app, ['t0'], all);
      expect(await app.orm.migrations.down({ to: 'AddCountries' })).toMatchObject({ migrated: 1, failed: [] });
    }
    expect(n).toBeGreaterThan(10);
  });
});
