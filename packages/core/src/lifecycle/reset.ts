import { isTenancyError, TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { outside } from '../scope/context.ts';
import { asFilled, isUnfilled } from './awaiting-archive.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { destroySteps, runSteps, storageSteps } from './steps.ts';
import { requireStatus, transitions } from './transitions.ts';

/**
 * Destroys a tenant's storage and creates it again, with all migrations. The tenant is under maintenance meanwhile, and stays so if it
 * fails or the process ends: then reset it again.
 */
export async function resetTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<T> {
  const { records, signals, resources } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, transitions.reset.from);
  await refuseAdopted(lifecycle, stored, 'reset');
  await signals.emitBefore('resetting', { tenant: stored });
  const outcome = await lifecycle.exclusively(id, 'reset', async ({ holder, confirm }): Promise<Outcome<T>> => {
    const tenant = await records.transit(stored, transitions.reset, holder);
    const steps = [...destroySteps(tenant, resources), ...storageSteps(tenant, resources, { kind: 'create' })];
    const failure = await runSteps(id, steps, { confirm, mayUndo: async () => false });
    if (failure === undefined) {
      const change = isUnfilled(tenant) ? await asFilled<T>(records, id) : undefined;
      return { tenant: await records.transit(tenant, transitions.resume, holder, change) };
    }
    if (isTenancyError(failure.error, 'TENANT_BUSY')) throw failure.error;
    const message = `Tenant "${id}" could not be reset: "${failure.step}" failed. It is left under maintenance; fix the cause and reset it again.`;
    return { tenant, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause: failure.error }) };
  });
  return conclude(lifecycle, outcome, 'reset');
}

/** @throws TRANSITION_REFUSED where storage existed before its tenant, so that nothing could create it again. */
export async function refuseAdopted<T extends Tenant>(
  { resources }: Lifecycle<T>,
  tenant: T,
  verb: 'reset' | 'restored',
): Promise<void> {
  for (const { name, isAdopted } of resources) {
    if (!(await outside(async () => isAdopted?.(tenant)))) continue;
    const message = `Tenant "${tenant.id}" cannot be ${verb}: its storage in "${name}" was adopted, and is not destroyed.`;
    throw new TenancyError('TRANSITION_REFUSED', message, { tenant: tenant.id });
  }
}
