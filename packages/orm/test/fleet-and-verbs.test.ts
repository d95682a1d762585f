import { Migration } from '@mikro-orm/migrations';
import { expect, test, vi } from 'vitest';
import { AddNotes, first, ids, openSite, statusOf } from './fixtures/fleet-site.ts';

vi.setConfig({ testTimeout: 120_000 });

test('a run over the fleet leaves alone who another process removes, creates or repairs meanwhile, and their successors', async () => {
  await using site = await openSite();
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const migrated: unknown[] = [];
  class Holds extends Migration {
    override async up(): Promise<void> {
      const [found] = await this.execute('select current_schema() as name');
      migrated.push(found?.['name']);
      if (found?.['name'] !== 't_t0') return;
      reached.resolve();
      await go.promise;
    }
  }
  const other = await site.open(first);
  for (const id of ids(4)) await other.tenancy.tenants.create({ id });
  // A process that was killed has left it.
  await other.orm.store.update('t3', { status: 'failed' });

  const runner = await site.open([...first, AddNotes, Holds]);
  const running = runner.orm.migrations.up({ concurrency: 1 });
  await reached.promise;
  // t1 has not been begun, and t0 is under way: its removal waits, and then finds nothing that was damaged.
  const removal = other.tenancy.tenants.remove('t0');
  await other.tenancy.tenants.remove('t1');
  const successor = await other.tenancy.tenants.create({ id: 't1' });
  await other.tenancy.tenants.create({ id: 't9' });
  expect((await other.tenancy.tenants.repair('t3')).status).toBe('active');
  go.resolve();
  const report = await running;
  await removal;
  expect(report).toMatchObject({ failed: [], remaining: 0, removed: 1 });
  expect(migrated).not.toContain('t_t1');
  expect(migrated).not.toContain('t_t3');

  expect(await runner.orm.store.find('t0')).toBeUndefined();
  // Whoever was created or repaired meanwhile has the migrations of the process that did it, and central says so.
  const pending = (await statusOf(runner)).map(({ tenant, pending }) => [tenant, pending]);
  expect(pending).toEqual([
    ['t1', ['AddNotes', 'Holds']],
    ['t2', []],
    ['t3', ['AddNotes', 'Holds']],
    ['t9', ['AddNotes', 'Holds']],
  ]);
  expect(await runner.orm.migrations.up()).toMatchObject({ migrated: 3, failed: [] });
  expect((await runner.orm.store.find('t1'))?.createdAt).toEqual(successor.createdAt);
});

test('the version of a tenant is not written to one that has its id since', async () => {
  await using site = await openSite();
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  class HoldsSecond extends Migration {
    override async up(): Promise<void> {
      const [found] = await this.execute('select current_schema() as name');
      if (found?.['name'] !== 't_t1') return;
      reached.resolve();
      await go.promise;
    }
  }
  const other = await site.open(first);
  const runner = await site.open([...first, AddNotes, HoldsSecond]);
  for (const id of ids(2)) await other.tenancy.tenants.create({ id });
  // The version of the first waits to be written with that of the second.
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  try {
    const running = runner.orm.migrations.up({ concurrency: 1 });
    await reached.promise;
    await other.tenancy.tenants.remove('t0');
    await other.tenancy.tenants.create({ id: 't0' });
    go.resolve();
    expect(await running).toMatchObject({ migrated: 2, failed: [] });
  } finally {
    vi.useRealTimers();
  }
  expect(await runner.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
});
