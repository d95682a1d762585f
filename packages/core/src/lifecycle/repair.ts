import { isTenancyError, TenancyError, tenantOutdated } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { outside } from '../scope/context.ts';
import { refuseUnfilled } from './awaiting-archive.ts';
import type { HeldLease } from './exclusive.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { destroyTenant } from './remove.ts';
import { runSteps, storageSteps } from './steps.ts';
import { requireStatus, transitions } from './transitions.ts';

/**
 * Recreates the storage of a tenant that was never active, and activates it. Of a tenant that another process is repairing, it waits
 * until that is done.
 */
export async function repairTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<T> {
  const { records, signals } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, transitions.reclaim.from);
  refuseUnfilled(stored);
  await signals.emitBefore('repairing', { tenant: stored });
  const outcome = await lifecycle.exclusively(id, 'repair', async (lease): Promise<Outcome<T>> => {
    if (lease.waited && stored.status === 'failed') {
      const now = await records.read(id);
      if (!isSameIncarnation(now, stored)) throw tenantOutdated(id);
      if (now.status === 'active') return { tenant: now, byOther: true };
    }
    return recreate(lifecycle, stored, lease);
  });
  const tenant = await conclude(lifecycle, outcome, 'created');
  if (!outcome.byOther) await signals.emit('repaired', { tenant });
  return tenant;
}

/** Removes a tenant that was never active. */
export async function clearTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<void> {
  const { records, signals } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, transitions.reclaim.from);
  await signals.emitBefore('removing', { tenant: stored });
  const outcome = await lifecycle.exclusively(id, 'repair', async (lease) => {
    const failed = await records.transit(stored, transitions.reclaim, lease.holder);
    return destroyTenant(lifecycle, failed, { transition: transitions.clear }, lease);
  });
  await conclude(lifecycle, outcome, 'removed');
}

async function recreate<T extends Tenant>(
  { records, resources }: Lifecycle<T>,
  stored: T,
  { holder, confirm }: HeldLease,
): Promise<Outcome<T>> {
  const { id } = stored;
  const tenant = await records.transit(stored, transitions.reclaim, holder);
  const destroys = resources.toReversed().map(({ name, destroy }) => ({
    name: `${name}.destroy`,
    run: async () => outside(() => destroy?.(tenant)),
  }));
  const rules = {
    confirm,
    mayUndo: () =>
      confirm().then(
        () => true,
        () => false,
      ),
  };
  const failure = await runSteps(id, [...destroys, ...storageSteps(tenant, resources, { kind: 'create' })], rules);
  if (failure === undefined) return { tenant: await records.transit(tenant, transitions.finish, holder) };
  const message = `Tenant "${id}" could not be repaired: "${failure.step}" failed. The tenant is left failed; fix the cause and repair it again, or remove it with repair("${id}", { clear: true }).`;
  const { error, undoErrors } = failure;
  if (isTenancyError(error, 'TENANT_BUSY')) throw error;
  const cause = undoErrors.length === 0 ? error : new AggregateError([error, ...undoErrors], message);
  return { tenant, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause }) };
}
