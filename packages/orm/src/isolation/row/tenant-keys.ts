import { tenantColumn } from '../../placement/shared-tables.ts';
import type { Catalogue } from './catalogue.ts';
import { holdsTenants } from './requirements.ts';

/** SQL for the keys that have rows in shared tables, each found by an index; `undefined` where there is no table. */
export function tenantKeys({ relations }: Catalogue): string | undefined {
  const keysOf = ({ name }: { readonly name: string }) =>
    `(with recursive k as (select min(${tenantColumn}) as key from ${name} union all
      select (select min(${tenantColumn}) from ${name} where ${tenantColumn} > k.key) from k where k.key is not null)
      select key from k where key is not null)`;
  const tables = relations.filter(holdsTenants);
  return tables.length === 0 ? undefined : `${tables.map(keysOf).join(' union ')} order by 1`;
}
