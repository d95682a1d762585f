import { incarnationOf } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { noUsage, type UsageSum } from '../models/usage.ts';
import { outside } from '../scope/context.ts';
import type { UsageParts } from './usage-parts.ts';

/** The usage of a tenant. */
export interface TenantUsage extends UsageSum {
  /** Bytes that it stores now, where that was asked for and can be told: not where tenants share tables. */
  readonly storageBytes?: number | undefined;
}

interface Stored {
  readonly tenant: Tenant;
  readonly bytes: number;
}

/** What tenants store now, by their incarnation. */
export async function storedBytes<T extends Tenant>(
  { store, resources }: UsageParts<T>,
  id: string | undefined,
): Promise<Map<string, Stored>> {
  const tenants = new Map<string, Tenant>();
  for await (const tenant of id === undefined ? store.all() : [await store.find(id)]) {
    if (tenant !== undefined) tenants.set(incarnationOf(tenant), tenant);
  }
  const stored = new Map<string, Stored>();
  for (const resource of resources) {
    const measured = await outside(async () => resource.storageBytes?.([...tenants.values()]));
    for (const [owner, bytes] of measured ?? []) {
      const tenant = tenants.get(owner);
      if (tenant !== undefined) stored.set(owner, { tenant, bytes: bytes + (stored.get(owner)?.bytes ?? 0) });
    }
  }
  return stored;
}

/** With the tenants that store something and have used nothing. */
export function withStorage(sums: readonly UsageSum[], stored: ReadonlyMap<string, Stored>): TenantUsage[] {
  const unused = new Map(stored);
  const used = sums.map((sum) => {
    const owner = incarnationOf({ id: sum.tenant, createdAt: sum.createdAt });
    unused.delete(owner);
    const storageBytes = stored.get(owner)?.bytes;
    return storageBytes === undefined ? sum : { ...sum, storageBytes };
  });
  const others = [...unused.values()].map(({ tenant: { id, createdAt }, bytes }) => {
    return { tenant: id, createdAt, ...noUsage(), storageBytes: bytes };
  });
  return [...used, ...others].sort((one, other) => (one.tenant < other.tenant ? -1 : 1));
}
