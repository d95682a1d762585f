import { mayPass, TenancyError, tenantOutdated } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { FleetMigration, ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';
import { conclude, emitFailed, type Lifecycle, type Outcome } from './lifecycle.ts';
import { migratable, requireStatus } from './transitions.ts';

/** Applies the pending migrations of every resource to a tenant's storage. */
export async function migrateTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<T> {
  const { records, signals, resources } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, migratable);
  await signals.emitBefore('migrating', { tenant: stored });
  const outcome = await lifecycle.exclusively(id, 'migrate', ({ confirm }) =>
    migrateUnderLease(lifecycle, stored, resources, confirm),
  );
  return conclude(lifecycle, outcome, 'migrated');
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
    verbs: lifecycle.verbs,
    migrating: (tenant) => signals.emitBefore('migrating', { tenant: tenant as T }),
    async migrateOthers(tenant, confirm) {
      if (others.length === 0) return;
      const { error } = await migrateUnderLease(lifecycle, tenant as T, others, confirm);
      if (error !== undefined) throw error;
    },
    migrated: (tenant) => signals.emit('migrated', { tenant: tenant as T }),
    failed: (tenant, error) => emitFailed(signals, tenant as T, error),
    as: (run) => signalledAs(lifecycle, run),
  };
}

const runSignals = { down: ['rollingBack', 'rolledBack'], fake: ['faking', 'faked'] } as const;

function signalledAs<T extends Tenant>(lifecycle: Lifecycle<T>, run: keyof typeof runSignals): FleetMigration {
  const { signals, verbs } = lifecycle;
  const [before, after] = runSignals[run];
  return {
    hasOthers: false,
    get asks() {
      return signals.hasHandler(before);
    },
    verbs,
    migrating: (tenant) => signals.emitBefore(before, { tenant: tenant as T }),
    migrateOthers: async () => {},
    migrated: (tenant) => signals.emit(after, { tenant: tenant as T }),
    failed: (tenant, error) => emitFailed(signals, tenant as T, error),
    as: (other) => signalledAs(lifecycle, other),
  };
}

async function migrateUnderLease<T extends Tenant>(
  { records }: Pick<Lifecycle<T>, 'records'>,
  stored: T,
  resources: readonly ResourceVerbs[],
  confirm: () => Promise<void>,
): Promise<Outcome<T>> {
  const { id } = stored;
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
}

function migrateFailed(id: string, resource: string, cause: unknown): TenancyError {
  const advice = mayPass(cause) ? 'Migrate it again.' : 'Fix the cause and migrate it again.';
  const message = `Tenant "${id}" could not be migrated: "${resource}" failed. ${advice}`;
  return new TenancyError('MIGRATE_FAILED', message, { tenant: id, cause });
}
