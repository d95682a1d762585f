import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { expect, test } from 'vitest';
import { TenantSchema } from '../src/central/tenant-entity.ts';
import { AddNotes, first, ids, openSite } from './fixtures/fleet-site.ts';

const CustomerSchema = defineEntity({
  name: 'Customer',
  extends: TenantSchema,
  schema: 'central',
  properties: { plan: p.string().default('free') },
});
class Customer extends CustomerSchema.class {}
CustomerSchema.setClass(Customer);

test('groups are migrated in their order, by ids and by the columns of the application, each with its budget and pause', async () => {
  await using site = await openSite();
  const options = { tenant: Customer } as never;
  const before = await site.open(first, options);
  for (const id of ids(8))
    await before.tenancy.tenants.create({ id, plan: Number(id.slice(1)) < 3 ? 'paid' : 'free' } as never);
  const app = await site.open([...first, AddNotes], options);
  const order: string[] = [];
  const isFree = (tenant: { id: string }) => (tenant as unknown as Customer).plan === 'free';
  const groups = [
    { tenants: ['t7'], pauseMs: 1 },
    { where: isFree, concurrency: 1, maxFailures: 1 },
    { tenants: ['t0', 't1'] },
  ];
  const run = { groups, onProgress: ({ tenant }: { tenant: string }) => order.push(tenant) };

  for (const id of ['t3', 't4']) await site.query(`create table t_${id}.note (theirs int)`);
  const failing = await app.orm.migrations.up(run);
  expect(order).toEqual(['t7', 't3', 't4']);
  expect(failing).toMatchObject({ total: 8, migrated: 1, upToDate: 0, remaining: 5, stopped: 'failures' });
  expect(failing.failed.map(({ tenants }) => tenants)).toEqual([['t3'], ['t4']]);

  await site.query('drop table t_t3.note');
  order.length = 0;
  const second = await app.orm.migrations.up(run);
  expect(order.slice(0, 4)).toEqual(['t3', 't4', 't5', 't6']);
  expect(order.slice(4).toSorted()).toEqual(['t0', 't1']);
  // No group includes t2.
  expect(second).toMatchObject({ total: 7, migrated: 5, failed: [{ tenant: 't4' }], remaining: 1 });
  expect(second).not.toHaveProperty('stopped');

  const abort = new AbortController();
  const paused = app.orm.migrations.down({
    groups: [{ tenants: ['t7'], pauseMs: 2 ** 30 }, {}],
    signal: abort.signal,
    onProgress: () => setImmediate(() => abort.abort()),
  });
  expect(await paused).toMatchObject({ migrated: 1, stopped: 'signal' });
});

class Broken extends Migration {
  override up(): void {
    this.addSql(`alter table author add column age int; -- a note's end`);
    this.addSql('alter table author add column age int');
  }
}

class BrokenCode extends Migration {
  override async up(): Promise<void> {
    await this.execute('select nothing from author');
  }
}

class BrokenIndex extends Migration {
  override isTransactional(): boolean {
    return false;
  }
  override up(): void {
    this.addSql('create index concurrently broken on author (nothing)');
  }
}

test.each([
  ['Broken', Broken, 'schema', 'alter table author add column age int. What'],
  // What code has sent is not known.
  ['BrokenCode', BrokenCode, 'schema', 'column "nothing" does not exist. What'],
  ['BrokenIndex', BrokenIndex, 'schema', 'create index concurrently broken on author (nothing)'],
  ['Broken', Broken, 'row', 'alter table author add column age int. What'],
])('a failure of %s names the migration and the statement', async (name, migration, isolation, statement) => {
  await using site = await openSite();
  const before = await site.open(first);
  for (const id of ids(3)) await before.tenancy.tenants.create({ id, isolation });
  const app = await site.open([...first, migration]);
  const report = await app.orm.migrations.up();
  const where = isolation === 'row' ? 'the schema "rows", which tenants share' : 'tenant "t0"';
  // Tables that tenants share fail once, whoever shares them.
  expect(report.failed.map(({ tenants }) => tenants.toSorted())).toEqual(
    isolation === 'row' ? [ids(3)] : expect.arrayContaining([['t0'], ['t1'], ['t2']]),
  );
  expect(report).toMatchObject({ total: 3, migrated: 0, upToDate: 0, remaining: 0 });
  const { error } = report.failed.find(({ tenants }) => tenants.includes('t0')) ?? {};
  expect(error?.message).toContain(`The migration "${name}" failed in ${where}: `);
  expect(error?.message).toContain(statement);
});
