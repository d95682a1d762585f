import type { TenantCount, TenantSearch } from '@omnitenant/core/extend';
import { type TenantRow, toTenantOf } from '@omnitenant/orm/extend';
import type { Admin } from './admin.ts';

const server = "json_value(placement, '$.server')";

/** Looks through the tenants of central. Their version is unknown: only their own databases have it. */
export function centralSearch(admin: Admin): TenantSearch {
  return {
    async page({ id, search, status, isolation, server: wanted, version, after, limit }) {
      if ((version ?? '') !== '') return [];
      const text = search?.toLowerCase() ?? '';
      const rows = await admin.all<TenantRow>(
        `select * from tenant where id > ? and id = coalesce(?, id) and status = coalesce(?, status)
         and isolation = coalesce(?, isolation) and (? is null or ${server} = ?)
         and (instr(folded, ?) > 0 or exists (select 1 from domain where tenant_id = tenant.id and instr(host, ?) > 0))
         order by id limit ?`,
        ...[after ?? '', id ?? null, status ?? null, isolation ?? null, wanted ?? null, wanted ?? null],
        ...[text, text, limit],
      );
      return rows.map((row) => ({ tenant: toTenantOf(row), version: '' }));
    },

    counts: () =>
      admin.all<TenantCount>(
        `select status, isolation, coalesce(${server}, '') as server, '' as version, count(*) as tenants
         from tenant group by 1, 2, 3`,
      ),
  };
}
