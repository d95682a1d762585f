import { createTenancy } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { expect, test } from 'vitest';
import { all, first, inRows, openSite } from './fixtures/fleet-site.ts';

test('a run tells handlers of each tenant, and heeds their veto', async () => {
  await using site = await openSite();
  const before = await site.open(first);
  for (const id of ['acme', 'bloom']) await before.tenancy.tenants.create({ id });
  const { orm, tenancy } = await site.open(all);
  const told: string[] = [];
  tenancy.signals.on('migrating', ({ tenant }) => {
    told.push(`migrating ${tenant.id}`);
    if (tenant.id === 'bloom') throw new Error('not during the sale');
  });
  tenancy.signals.on('migrated', ({ tenant }) => void told.push(`migrated ${tenant.id}`));
  tenancy.signals.on('failed', ({ tenant, error }) => void told.push(`${error.code} ${tenant.id}`));
  const report = await orm.migrations.up({ concurrency: 1 });
  expect(report).toMatchObject({ migrated: 1, failed: [{ tenant: 'bloom', error: { code: 'VETOED' } }] });
  expect(told).toEqual(['migrating acme', 'migrated acme', 'migrating bloom', 'VETOED bloom']);
  expect(await orm.migrations.down({ tenants: ['acme'] })).toMatchObject({ migrated: 1 });
  expect(told).toHaveLength(4);
});

test.each([
  ['down', 'rollingBack', 'rolledBack'],
  ['fake', 'faking', 'faked'],
] as const)('%s sends signals of its own, and heeds a veto', async (verb, before, after) => {
  await using site = await openSite();
  const { orm, tenancy } = await site.open(all);
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  const told: string[] = [];
  for (const name of ['migrating', 'migrated'] as const) tenancy.signals.on(name, () => void told.push(name));
  tenancy.signals.on(before, ({ tenant }) => {
    told.push(`${before} ${tenant.id}`);
    if (tenant.id === 'bloom') throw new Error('not during the sale');
  });
  tenancy.signals.on(after, ({ tenant }) => void told.push(`${after} ${tenant.id}`));
  const report = await orm.migrations[verb]({ concurrency: 1, ...(verb === 'fake' && { to: 0 }) });
  expect(report).toMatchObject({ migrated: 1, failed: [{ tenant: 'bloom', error: { code: 'VETOED' } }] });
  expect(told).toEqual([`${before} acme`, `${after} acme`, `${before} bloom`]);
});

test('options of a run that do not exist are refused, because a misspelt limit would be none', async () => {
  await using site = await openSite();
  const { orm } = await site.open(first);
  for (const verb of ['up', 'down', 'fake'] as const) {
    await expect(orm.migrations[verb]({ maxFailure: 1 } as never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `migrations.${verb}() has no option "maxFailure"; did you mean "maxFailures"?`,
    });
  }
  await expect(orm.migrations.up({ groups: [{ tenant: ['acme'] } as never] })).rejects.toMatchObject({
    message: 'A group of migrations.up() has no option "tenant"; did you mean "tenants"?',
  });
});

test('where tenants share tables, the veto of one holds for all', async () => {
  await using site = await openSite();
  const before = await site.open(first);
  for (const id of ['acme', 'bloom']) await before.tenancy.tenants.create({ id, isolation: 'row' });
  const { orm, tenancy } = await site.open(inRows);
  const off = tenancy.signals.on('migrating', ({ tenant }) => {
    if (tenant.id === 'bloom') throw new Error('not during the sale');
  });
  expect((await orm.migrations.up()).migrated).toBe(0);
  off();
  expect(await orm.migrations.up()).toMatchObject({ failed: [] });
});

test('a run migrates every other resource too, also of tenants that the orm has nothing to do in', async () => {
  await using site = await openSite();
  const { orm } = await site.open(first);
  const done: string[] = [];
  let broken = '';
  const search = defineResource({
    name: 'search',
    open: () => undefined,
    async migrate({ id }) {
      if (id === broken) throw new Error('the index is locked');
      done.push(id);
    },
  });
  const tenancy = createTenancy({ resources: [orm, search] });
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  done.length = 0;
  expect(await orm.migrations.up({ concurrency: 1 })).toMatchObject({ upToDate: 2, failed: [] });
  expect(done).toEqual(['acme', 'bloom']);
  broken = 'bloom';
  expect((await orm.migrations.up()).failed).toMatchObject([{ tenant: 'bloom', error: { code: 'MIGRATE_FAILED' } }]);
});
