import { Migration } from '@mikro-orm/migrations';
import { expect, test } from 'vitest';
import { first, openSite } from './fixtures/fleet-site.ts';

test('a migration that catches its own failed query runs as code, in each tenant', async () => {
  class FindsOut extends Migration {
    override async up(): Promise<void> {
      const found = await this.execute('select 1 from author').catch(() => undefined);
      this.addSql(found ? 'create table found ()' : 'create table lost ()');
    }
  }
  await using site = await openSite();
  const before = await site.open(first);
  await before.tenancy.tenants.create({ id: 'acme' });
  const app = await site.open([...first, FindsOut]);
  expect((await app.orm.migrations.plan()).migrations).toEqual([
    { name: 'FindsOut', sql: undefined, transactional: true, warnings: [] },
  ]);
  await app.orm.migrations.up();
  expect(await site.query(`select relname from pg_class where relname in ('found', 'lost')`)).toEqual([
    { relname: 'found' },
  ]);
});

test('an error names a migration that fails before it sends anything', async () => {
  class Broken extends Migration {
    override up(): void {
      throw new Error('a typing error');
    }
  }
  await using site = await openSite();
  const before = await site.open(first);
  await before.tenancy.tenants.create({ id: 'acme' });
  const app = await site.open([...first, Broken]);
  const { failed } = await app.orm.migrations.up();
  expect(failed.map(({ error }) => error)).toMatchObject([
    { code: 'MIGRATE_FAILED', message: expect.stringMatching(/"Broken".*a typing error/) },
  ]);
});

test.each([['schema'], ['database'], ['row']])(
  'a migration whose SQL ends in a comment is applied to tenants of isolation %s',
  async (isolation) => {
    class Commented extends Migration {
      override up(): void {
        this.addSql('create table note (id serial primary key) -- for later');
        this.addSql('alter table note add column body text; -- and more');
      }
    }
    await using site = await openSite();
    const before = await site.open(first);
    await before.tenancy.tenants.create({ id: 'old', isolation });
    const app = await site.open([...first, Commented]);
    await app.tenancy.tenants.create({ id: 'new', isolation });
    expect(await app.orm.migrations.up()).toMatchObject({ failed: [] });
    for (const id of ['old', 'new']) {
      expect(await app.tenancy.run(id, () => app.orm.em.execute('select body from note'))).toEqual([]);
    }
  },
);
