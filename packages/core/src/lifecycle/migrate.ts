import { outside } from '../context.ts';
import { mayPass, TenancyError, tenantOutdated } from '../errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { migratable, requireStatus } from './transitions.ts';

/** Applies the pending migrations of every resource to a tenant's storage. */
export async function migrateTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<T> {
  const { records, signals, resources } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, migratable);
  await signals.emitBefore('migrating', { tenant: stored });

  const outcome = await lifecycle.exclusively(id, 'migrate', async ({ confirm }): Promise<Outcome<T>> => {
    const tenant = await records.read(id);
    if (!isSameIncarnation(tenant, stored)) throw tenantOutdated(id);
    requireStatus(tenant, migratable);
    for (const resource of resources) {
      await confirm();
      try {
        await outside(() => resource.migrate?.(tenant));
      } catch (cause) {
        const message = `Tenant "${id}" could not be migrated: "${resource.name}" failed. ${mayPass(cause) ? 'M' : 'Fix the cause and m'}igrate it again.`;
        return { tenant, error: new TenancyError('MIGRATE_FAILED', message, { tenant: id, cause }) };
      }
    }
    records.refresh(id);
    return { tenant };
  });
  return conclude(lifecycle, outcome, 'migrated');
}
