import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { defineConfig, defineEntity, type EntityClass, EntitySchema, MetadataProvider, p } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { testDatabase } from '@omnitenant/tooling';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { Customer as EsCustomer } from '../../../tooling/fixtures/es/customer.ts';
import { Customer as LegacyCustomer } from '../../../tooling/fixtures/legacy/customer.ts';
import { TenantSchema } from '../src/central/tenant-entity.ts';
import { createOrm } from '../src/orm.ts';
import { CreateLibrary } from '../src/testing/library.ts';

const CustomerSchema = defineEntity({
  name: 'Customer',
  extends: TenantSchema,
  properties: { plan: p.string(), seats: p.integer().default(1) },
});
class DefinedCustomer extends CustomerSchema.class {}
CustomerSchema.setClass(DefinedCustomer);

describe('an application’s own tenant entity', () => {
  test.each([
    { style: 'defineEntity', tenant: DefinedCustomer, metadataProvider: MetadataProvider },
    { style: 'legacy decorators', tenant: LegacyCustomer, metadataProvider: ReflectMetadataProvider },
    { style: 'ECMAScript decorators', tenant: EsCustomer, metadataProvider: MetadataProvider },
  ])('is extended with $style, and lives in central whatever it declares', async ({ tenant, metadataProvider }) => {
    await using database = await testDatabase();
    const orm = await createOrm(
      defineConfig({
        clientUrl: database.url,
        metadataProvider,
        entities: [],
        migrations: { migrationsList: [CreateLibrary] },
      }),
      { tenant: tenant as EntityClass<EsCustomer> },
    );
    await using tenancy = createTenancy({ resources: [orm] });
    await tenancy.migrateCentral();
    await tenancy.tenants.create({ id: 'acme', plan: 'large', config: { theme: { dark: true } } });

    const acme = await tenancy.run('acme', () => tenancy.current());
    expect(acme).toMatchObject({ id: 'acme', plan: 'large', config: { theme: { dark: true } } });
    expect(Object.isFrozen(acme.config)).toBe(true);
    await tenancy.central(async () => {
      expect(await orm.em.execute('select plan from central.customer')).toEqual([{ plan: 'large' }]);
    });
    await expect(tenancy.tenants.create({ id: 'globex' })).rejects.toMatchObject({ code: 'TENANT_INVALID' });
    await tenancy.tenants.update('acme', { plan: 'small' });
    expect(await tenancy.run('acme', ({ plan }) => plan)).toBe('small');
  });

  test('has its columns in the type of the current tenant', async () => {
    const orm = await createOrm(defineConfig({ clientUrl: 'postgresql://nobody@127.0.0.1:1/none', entities: [] }), {
      tenant: DefinedCustomer,
    });
    const tenancy = createTenancy({ resources: [orm] });
    expectTypeOf(tenancy.current).returns.toHaveProperty('plan').toEqualTypeOf<string>();
    expectTypeOf(tenancy.current).returns.toHaveProperty('seats').toEqualTypeOf<number>();
    expectTypeOf(tenancy.current).returns.toHaveProperty('id').toEqualTypeOf<string>();
    await tenancy.close();
  });
});

describe('single-table inheritance with an abstract root', () => {
  class Account {
    declare id: number;
    declare type: string;
    declare secret: string;
  }
  class Staff extends Account {}
  function hierarchy(schema: string | undefined) {
    return [
      new EntitySchema({
        class: Account,
        abstract: true,
        ...(schema !== undefined && { schema }),
        discriminatorColumn: 'type',
        properties: {
          id: { type: 'integer', primary: true },
          type: { type: 'string' },
          secret: { type: 'string' },
        },
      }),
      new EntitySchema({ class: Staff, extends: Account as never, discriminatorValue: 'staff' }),
    ];
  }

  test('lives in central where its root does, and is refused in a tenant', async () => {
    await using database = await testDatabase();
    const orm = await createOrm(
      defineConfig({
        clientUrl: database.url,
        entities: hierarchy('central'),
        migrations: { migrationsList: [CreateLibrary] },
      }),
    );
    await using tenancy = createTenancy({ resources: [orm] });
    await tenancy.migrateCentral();
    await tenancy.tenants.create({ id: 'acme' });
    await tenancy.central(async () => {
      orm.em.create(Staff, { secret: 'of central' } as never);
      await orm.em.flush();
      expect(await orm.em.fork().find(Account, {})).toMatchObject([{ secret: 'of central' }]);
    });
    for (const entity of [Account, Staff]) {
      await expect(tenancy.run('acme', () => orm.em.find(entity, {}))).rejects.toMatchObject({
        code: 'ENTITY_OUT_OF_SCOPE',
      });
    }
  });

  test('has its table in the migrations of tenants otherwise', async () => {
    await using database = await testDatabase();
    const path = await mkdtemp(join(tmpdir(), 'omnitenant-sti-'));
    try {
      const orm = await createOrm(
        defineConfig({ clientUrl: database.url, entities: hierarchy(undefined), migrations: { path } }),
      );
      expect((await orm.migrations.create()).up.join()).toContain('create table "account"');
      await orm[resource].end?.();
    } finally {
      await rm(path, { recursive: true });
    }
  });
});
