import type { Tenancy, Tenant } from '@omnitenant/core';
import { isOfEndedRun } from './run-names.ts';

/** The entry of a tenant's config that says that it was made for a test. */
export const testMark = 'omnitenantTest';

/**
 * Removes the tenants that killed runs have left: those that bear the mark, and the name of a process that has ended. What
 * cannot be removed, such as what another worker is removing at this moment, is left to the next run.
 */
export async function sweep(tenancy: Tenancy): Promise<void> {
  const left: Tenant[] = [];
  for await (const tenant of tenancy.tenants.all()) {
    if (tenant.config[testMark] === true && isOfEndedRun(tenant.id)) left.push(tenant);
  }
  for (const tenant of left) await remove(tenancy, tenant).catch(() => {});
}

async function remove({ tenants }: Tenancy, { id, status }: Tenant): Promise<void> {
  if (status === 'provisioning') await tenants.repair(id, { clear: true });
  else await tenants.remove(id);
}
