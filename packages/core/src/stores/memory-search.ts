import type { Domain } from '../models/domain.ts';
import type { Tenant } from '../models/tenant.ts';
import type { TenantCount, TenantQuery, TenantSearch } from './search.ts';

/** What a search in memory reads. */
export interface MemorySearchOptions<T extends Tenant> {
  /** Every tenant, in the order of the ids. */
  readonly all: () => AsyncIterable<T>;
  readonly domainsOf: (id: string) => readonly Domain[];
}

/** Looks through tenants in memory. Their version is unknown. */
export function memorySearch<T extends Tenant>({ all, domainsOf }: MemorySearchOptions<T>): TenantSearch<T> {
  const version = '';

  function matches(tenant: T, query: TenantQuery): boolean {
    const { id, status, isolation, placement } = tenant;
    const own = { id, status, isolation, server: placement.server, version };
    const isAsked = Object.entries(own).every(([name, value]) => isOrUnasked(query[name as keyof typeof own], value));
    return isAsked && (query.after === undefined || id > query.after) && contains(tenant, query.search);
  }

  function contains({ id, name }: T, search: string | undefined): boolean {
    if (search === undefined) return true;
    const texts = [id, name, ...domainsOf(id).map(({ host }) => host)];
    return texts.some((text) => text.toLowerCase().includes(search.toLowerCase()));
  }

  return {
    async page(query) {
      const found: { tenant: T; version: string }[] = [];
      for await (const tenant of all()) {
        if (found.length === query.limit) break;
        if (matches(tenant, query)) found.push({ tenant, version });
      }
      return found;
    },

    async counts() {
      const counts = new Map<string, TenantCount>();
      for await (const { status, isolation, placement } of all()) {
        const { server = '' } = placement;
        const key = JSON.stringify([status, isolation, server]);
        const tenants = (counts.get(key)?.tenants ?? 0) + 1;
        counts.set(key, { status, isolation, server, version, tenants });
      }
      return [...counts.values()];
    },
  };
}

function isOrUnasked(asked: string | undefined, value: string | undefined): boolean {
  return asked === undefined || asked === value;
}
