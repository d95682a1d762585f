import type { TenantCount, TenantSearch } from '@omnitenant/core/extend';
import { type TenantRow, toTenantOf } from '@omnitenant/orm/extend';
import type { CentralFile } from './central-file.ts';

/** Looks through the tenants of central's file. Their version is unknown: only their own files have it. */
export function fileSearch(central: CentralFile): TenantSearch {
  return {
    page: ({ id, search, status, isolation, server, version, after, limit }) =>
      central.read((session) => {
        if ((version ?? '') !== '') return [];
        const text = search?.toLowerCase() ?? '';
        const rows = session.all<TenantRow>(
          `select * from tenant where id > ? and id = coalesce(?, id) and status = coalesce(?, status)
           and isolation = coalesce(?, isolation) and (? is null or placement ->> '$.server' = ?)
           and (instr(folded, ?) > 0 or exists (select 1 from domain where tenant_id = tenant.id and instr(host, ?) > 0))
           order by id limit ?`,
          ...[after ?? '', id ?? null, status ?? null, isolation ?? null, server ?? null, server ?? null],
          ...[text, text, limit],
        );
        return rows.map((row) => ({ tenant: toTenantOf(row), version: '' }));
      }),

    counts: () =>
      central.read((session) =>
        session.all<TenantCount>(
          `select status, isolation, coalesce(placement ->> '$.server', '') as server, '' as version, count(*) as tenants
           from tenant group by 1, 2, 3`,
        ),
      ),
  };
}
