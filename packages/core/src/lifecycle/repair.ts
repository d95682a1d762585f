import { TenancyError } from '../errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { removeTenant } from './remove.ts';
import { runSteps, storageSteps } from './steps.ts';
import { requireStatus, transitions } from './transitions.ts';

/** Recreates the storage of a tenant that was never active, and activates it. */
export async function repairTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<T> {
  requireStatus(await lifecycle.records.read(id), transitions.reclaim.from);
  const outcome = await lifecycle.exclusively(id, () => recreate(lifecycle, id));
  return conclude(lifecycle, outcome, 'created');
}

/** Removes a tenant that was never active. */
export async function clearTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<void> {
  const { records } = lifecycle;
  requireStatus(await records.read(id), transitions.reclaim.from);
  await lifecycle.exclusively(id, () => records.transit(id, transitions.reclaim));
  await removeTenant(lifecycle, id);
}

async function recreate<T extends Tenant>({ records, resources }: Lifecycle<T>, id: string): Promise<Outcome<T>> {
  const tenant = await records.transit(id, transitions.reclaim);
  const failure = await runSteps([
    ...resources.toReversed().map(({ name, destroy }) => ({
      name: `${name}.destroy`,
      run: async () => destroy?.(tenant),
    })),
    ...storageSteps(tenant, resources, { kind: 'create' }),
  ]);
  if (failure === undefined) return { tenant: await records.transit(id, transitions.finish) };
  const message = `Tenant "${id}" could not be repaired: "${failure.step}" failed. The tenant is left failed; fix the cause and repair it again, or remove it with repair("${id}", { clear: true }).`;
  const { error, undoErrors } = failure;
  const cause = undoErrors.length === 0 ? error : new AggregateError([error, ...undoErrors], message);
  return { tenant, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause }) };
}
