import { outside } from '../context.ts';
import { mayPass, TenancyError, tenantOutdated } from '../errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { FleetMigration, ResourceVerbs } from '../resource.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { migratable, requireStatus } from './transitions.ts';

/** Applies the pending migrations of every resource to a tenant's storage. */
export async function migrateTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<T> {
  const { records, signals, resources } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, migratable);
  await signals.emitBefore('migrating', { tenant: stored });
  return conclude(lifecycle, await migrateResources(lifecycle, stored, resources), 'migrated');
}

/** The tenancy's part in migrations that one of its resources runs itself. */
export function fleetMigration<T extends Tenant>(lifecycle: Lifecycle<T>, runner: ResourceVerbs): FleetMigration {
  const { signals } = lifecycle;
  const others = lifecycle.resources.filter((each) => each !== runner && each.migrate !== undefined);
  return {
    hasOthers: others.length > 0,
    get asks() {
      return signals.hasHandler('migrating');
    },
    migrating: (tenant) => signals.emitBefore('migrating', { tenant: tenant as T }),
    async migrated(tenant) {
      if (others.length > 0) {
        const { error } = await migrateResources(lifecycle, tenant as T, others);
        if (error !== undefined) throw error;
      }
      await signals.emit('migrated', { tenant: tenant as T });
    },
    failed: (tenant, error) => signals.emit('failed', { tenant: tenant as T, error }),
  };
}

function migrateResources<T extends Tenant>(
  { exclusively, records }: Lifecycle<T>,
  stored: T,
  resources: readonly ResourceVerbs[],
): Promise<Outcome<T>> {
  const { id } = stored;
  return exclusively(id, 'migrate', async ({ confirm }): Promise<Outcome<T>> => {
    const tenant = await records.read(id);
    if (!isSameIncarnation(tenant, stored)) throw tenantOutdated(id);
    requireStatus(tenant, migratable);
    for (const resource of resources) {
      await confirm();
      try {
        await outside(() => resource.migrate?.(tenant));
      } catch (cause) {
        return { tenant, error: migrateFailed(id, resource.name, cause) };
      }
    }
    records.refresh(id);
    return { tenant };
  });
}

function migrateFailed(id: string, resource: string, cause: unknown): TenancyError {
  const advice = mayPass(cause) ? 'Migrate it again.' : 'Fix the cause and migrate it again.';
  const message = `Tenant "${id}" could not be migrated: "${resource}" failed. ${advice}`;
  return new TenancyError('MIGRATE_FAILED', message, { tenant: id, cause });
}
