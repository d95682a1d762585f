import type { Billing } from './billing.ts';

/** Each kept apart in another way: among others' rows, in a schema, in a database. */
export const isolations = { small: 'row', medium: 'schema', large: 'database' } as const;

/** Makes the tenants that are not there yet, and brings all of them up to date. */
export async function addTenants({ tenancy, orm }: Billing): Promise<void> {
  await tenancy.migrateCentral();
  await orm.migrations.up();
  for (const [id, isolation] of Object.entries(isolations)) {
    if (await tenancy.tenants.tryGet(id)) continue;
    await tenancy.tenants.create({ id, isolation, name: `The ${id} company`, domains: [`billing.${id}.test`] });
  }
}
