import { Migration } from '@mikro-orm/migrations';
import { defineResource } from '@omnitenant/core/extend';
import { expect, test, vi } from 'vitest';
import { AddNotes, first, ids, openSite, statusOf } from './fixtures/fleet-site.ts';

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
    // Its lease is given back sooner than that.
    await vi.advanceTimersByTimeAsync(20);
    await other.tenancy.tenants.remove('t0');
    await other.tenancy.tenants.create({ id: 't0' });
    go.resolve();
    expect(await running).toMatchObject({ migrated: 2, failed: [] });
  } finally {
    vi.useRealTimers();
  }
  expect(await runner.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
});

/** A migration that stops in the tenant t0, until it is let go. */
function holding() {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  class Holds extends Migration {
    override async up(): Promise<void> {
      const [found] = await this.execute('select current_schema() as name');
      if (found?.['name'] !== 't_t0') return;
      reached.resolve();
      await go.promise;
    }
  }
  return { Holds, reached: reached.promise, go: go.resolve };
}

const quick = { waitMs: 0 };

test('a verb is refused while a run migrates its tenant, and not before and after', async () => {
  await using site = await openSite();
  const other = await site.open(first, {}, {}, { verbs: quick });
  for (const id of ids(3)) await other.tenancy.tenants.create({ id });
  const { Holds, reached, go } = holding();
  const runner = await site.open([...first, AddNotes, Holds]);
  const running = runner.orm.migrations.up({ concurrency: 1 });
  await reached;
  const { tenants } = other.tenancy;
  await expect(tenants.remove('t0')).rejects.toMatchObject({
    code: 'TENANT_BUSY',
    message: expect.stringContaining('"migrate"'),
  });
  await expect(tenants.migrate('t0')).rejects.toMatchObject({ code: 'TENANT_BUSY' });
  await expect(tenants.create({ id: 't0' })).rejects.toMatchObject({ code: 'TENANT_BUSY' });
  await tenants.remove('t1');
  go();
  expect(await running).toMatchObject({ migrated: 2, removed: 1, failed: [] });
  expect(await site.query('select id from central.omnitenant_lease')).toEqual([]);
  await tenants.remove('t0');
});

test('a run waits for the verb of another process, and goes on with others meanwhile', async () => {
  await using site = await openSite();
  const other = await site.open(first);
  for (const id of ids(4)) await other.tenancy.tenants.create({ id });
  const { leases } = other.orm.store;
  await leases?.take('t0', { holder: 'other', verb: 'repair' }, 600_000);
  const runner = await site.open([...first, AddNotes]);
  const done: string[] = [];
  const others = Promise.withResolvers<void>();
  const onProgress = ({ tenant }: { readonly tenant: string }) => {
    done.push(tenant);
    if (done.length === 3) others.resolve();
  };
  const running = runner.orm.migrations.up({ concurrency: 2, onProgress });
  await others.promise;
  expect(done.sort()).toEqual(['t1', 't2', 't3']);
  await leases?.release('t0', 'other');
  expect(await running).toMatchObject({ migrated: 4, failed: [] });
});

test('a run fails for a tenant that is busy for too long, and the next one has it', async () => {
  await using site = await openSite();
  const other = await site.open(first);
  for (const id of ids(3)) await other.tenancy.tenants.create({ id });
  await other.orm.store.leases?.take('t1', { holder: 'other', verb: 'repair' }, 600_000);
  const runner = await site.open([...first, AddNotes], {}, {}, { verbs: quick });
  const report = await runner.orm.migrations.up();
  expect(report).toMatchObject({ migrated: 2, failed: [{ tenant: 't1', error: { code: 'TENANT_BUSY' } }] });
  await other.orm.store.leases?.release('t1', 'other');
  expect(await runner.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
});

test('a run does not wait for whoever has left the record of a tenant locked, and migrates it when it is free', async () => {
  await using site = await openSite();
  const other = await site.open(first);
  for (const id of ids(3)) await other.tenancy.tenants.create({ id });
  const runner = await site.open([...first, AddNotes], {}, {}, { verbs: quick });
  {
    await using _held = await site.hold(`select from central.tenant where id = 't1' for update`);
    const report = await runner.orm.migrations.up();
    expect(report).toMatchObject({ migrated: 2, failed: [{ tenant: 't1', error: { code: 'TENANT_BUSY' } }] });
  }
  expect(await site.query('select id from central.omnitenant_lease')).toEqual([]);
  await other.tenancy.tenants.create({ id: 't3' });
  const patient = await site.open([...first, AddNotes]);
  await using held = await site.hold(`update central.tenant set name = 'T1' where id = 't1'`);
  const { promise: oneIsDone, resolve: onProgress } = Promise.withResolvers<unknown>();
  const running = patient.orm.migrations.up({ concurrency: 2, onProgress });
  expect(await oneIsDone).toMatchObject({ tenant: 't3' });
  await held.release();
  expect(await running).toMatchObject({ migrated: 2, failed: [] });
});

test('what a killed run has leased is free when that has run out', async () => {
  await using site = await openSite();
  const other = await site.open(first);
  await other.tenancy.tenants.create({ id: 't0' });
  await other.orm.store.leases?.take('t0', { holder: 'dead', verb: 'migrate' }, 300);
  const runner = await site.open([...first, AddNotes]);
  expect(await runner.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
});

test('a run that has lost a tenant to another process does no further step in it', async () => {
  await using site = await openSite();
  const stepped: string[] = [];
  const files = defineResource({
    name: 'files',
    open: () => ({}),
    migrate: async ({ id }) => void stepped.push(id),
  });
  const other = await site.open(first);
  for (const id of ids(2)) await other.tenancy.tenants.create({ id });
  const { Holds, reached, go } = holding();
  const runner = await site.open([...first, Holds], {}, {}, { verbs: { leaseMs: 1 }, resources: [files] });
  const running = runner.orm.migrations.up({ concurrency: 1 });
  await reached;
  // As after a pause of the whole process.
  await vi.waitFor(async () =>
    expect(await other.orm.store.leases?.take('t0', { holder: 'other', verb: 'repair' }, 600_000)).toMatchObject({
      holder: 'other',
    }),
  );
  go();
  expect((await running).failed).toContainEqual(
    expect.objectContaining({ tenant: 't0', error: expect.objectContaining({ code: 'TENANT_BUSY' }) }),
  );
  expect(stepped).not.toContain('t0');
  await other.orm.store.leases?.release('t0', 'other');
});

test('handlers of a run may use the registry', async () => {
  await using site = await openSite();
  const before = await site.open(first);
  for (const id of ids(2)) await before.tenancy.tenants.create({ id });
  const { orm, tenancy } = await site.open([...first, AddNotes]);
  tenancy.signals.on('migrating', async ({ tenant }) => void (await tenancy.tenants.startMaintenance(tenant.id)));
  tenancy.signals.on('migrated', async ({ tenant }) => {
    await tenancy.tenants.resume(tenant.id);
    if (tenant.id === 't0') await tenancy.tenants.remove('t0');
  });
  expect(await orm.migrations.up({ concurrency: 1 })).toMatchObject({ migrated: 2, failed: [] });
  expect(await orm.store.find('t0')).toBeUndefined();
  expect((await orm.store.find('t1'))?.status).toBe('active');
});
