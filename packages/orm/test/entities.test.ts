import 'reflect-metadata';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { defineConfig, defineEntity, type EntityClass, MetadataProvider, p } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
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
    await using tenancy = createTenancy({ store: orm.store, resources: [orm] });
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
    const tenancy = createTenancy({ store: orm.store, resources: [orm] });
    expectTypeOf(tenancy.current).returns.toHaveProperty('plan').toEqualTypeOf<string>();
    expectTypeOf(tenancy.current).returns.toHaveProperty('seats').toEqualTypeOf<number>();
    expectTypeOf(tenancy.current).returns.toHaveProperty('id').toEqualTypeOf<string>();
    await tenancy.close();
  });
});
