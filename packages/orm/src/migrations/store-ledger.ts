import type { Tenant } from '@omnitenant/core';
import { incarnationOf, type TenantStore } from '@omnitenant/core/extend';
import type { StoredTenant } from '../central/stored-tenant.ts';
import { type Incarnation, type Ledger, type LedgerFilter, migratable } from './ledger.ts';

/**
 * What each tenant's database says of its migrations. Nothing is recorded elsewhere, so that one that was restored, or moved from
 * another machine, is never taken for another than it is.
 */
export function storeLedger(store: TenantStore, versionOf: (tenant: Tenant) => Promise<string | undefined>): Ledger {
  async function* tenants({ tenants: only, skip = [], except }: LedgerFilter): AsyncGenerator<StoredTenant> {
    for await (const tenant of store.all()) {
      if (!migratable.includes(tenant.status) || !isSelected(tenant.id, only, skip)) continue;
      const readAt = performance.now();
      const version = await versionOf(tenant);
      if (except === undefined || version !== except) yield { tenant, version, readAt };
    }
  }

  async function idsOf(filter: LedgerFilter): Promise<string[]> {
    const ids: string[] = [];
    for await (const { tenant } of tenants(filter)) ids.push(tenant.id);
    return ids;
  }

  return {
    // There is one server, which the run names first.
    tenants: (filter) => (filter.otherThan === undefined ? tenants(filter) : none()),
    count: async (filter) => (await idsOf(filter)).length,
    anyMigrated: async () => undefined,
    async sample(filter, count) {
      const ids = count === 0 ? [] : await idsOf(filter);
      const step = Math.max(1, ids.length / count);
      return ids.filter((_, n) => Math.floor(n % step) === 0).slice(0, count);
    },
    async has(tenant: Incarnation) {
      const found = await store.find(tenant.id);
      return found !== undefined && incarnationOf(found) === incarnationOf(tenant) && migratable.includes(found.status);
    },
    recording: () => '',
    record: async () => {},
  };
}

async function* none(): AsyncGenerator<StoredTenant> {}

function isSelected(id: string, only: readonly string[] | undefined, skip: readonly string[]): boolean {
  const isNamed = (patterns: readonly string[]) => patterns.some((pattern) => matches(pattern, id));
  return (only === undefined || isNamed(only)) && !isNamed(skip);
}

function matches(pattern: string, id: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9-]/gi, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(id);
}
