import { resource } from '@omnitenant/core/extend';
import { Client } from 'pg';
import type { SiteDatabase } from './site.ts';
import type { BenchTenancy } from './tenancy.ts';
import { tenantId } from './workload.ts';

/** Registers tenants, past the registry and in one statement. Where their rows would be nothing is made. */
export async function register(
  { tenancy, orm }: BenchTenancy,
  { url }: SiteDatabase,
  isolation: 'database' | 'schema',
  tenants: number,
): Promise<void> {
  await tenancy.migrateCentral();
  const [first, last] = [tenantId(0), tenantId(tenants)];
  const draft = { id: first, config: {}, isolation };
  await orm.store.insert(
    { ...draft, name: first, status: 'active', ...(await orm[resource].place?.(draft)) } as never,
    [],
  );
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `insert into central.tenant (id, name, status, isolation, placement, config, schema_version, created_at, updated_at)
       select id, id, status, isolation, replace(placement::text, '${first}', id)::jsonb, config, schema_version, created_at, updated_at
       from (select 't' || lpad(n::text, greatest(4, length(n::text)), '0') as id, status, isolation, placement, config, schema_version,
                    created_at, updated_at
             from central.tenant, generate_series(1, ${tenants}) n) made`,
    );
    await client.query('analyze central.tenant');
    const { rows } = await client.query('select from central.tenant where id = $1', [last]);
    if (rows.length !== 1) throw new Error(`There is no tenant ${last}.`);
  } finally {
    await client.end();
  }
}
