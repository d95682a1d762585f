import { outside } from '../context.ts';
import { mayPass, TenancyError } from '../errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { HeldLease } from './exclusive.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { requireStatus, type Transition, transitions } from './transitions.ts';

/**
 * Closes a tenant, destroys its storage and deletes its record. Of a tenant that is being removed, it finishes the removal, or waits
 * until another process has.
 */
export async function removeTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<void> {
  const { records, store, signals } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, transitions.remove.from);
  if (stored.status !== 'removing') await signals.emitBefore('removing', { tenant: stored });

  const outcome = await lifecycle.exclusively(id, 'remove', async (lease): Promise<Outcome<T>> => {
    if (lease.waited && stored.status === 'removing') {
      const now = await store.find(id);
      if (now === undefined || !isSameIncarnation(now, stored)) return { tenant: stored, byOther: true };
    }
    return destroyTenant(lifecycle, { stored, transition: transitions.remove }, lease);
  });
  await conclude(lifecycle, outcome, 'removed');
}

/** Ends the storage of a tenant that has the status that the transition requires, and forgets it. */
export async function destroyTenant<T extends Tenant>(
  { records, resources }: Lifecycle<T>,
  { stored, transition }: { readonly stored: T; readonly transition: Transition },
  { holder, confirm }: HeldLease,
): Promise<Outcome<T>> {
  const { id } = stored;
  const tenant = await records.transit(stored, transition, holder);
  for (const resource of resources.toReversed()) {
    await confirm();
    try {
      await outside(() => resource.destroy?.(tenant));
    } catch (cause) {
      const message = `Tenant "${id}" could not be removed: "${resource.name}" failed. The tenant stays closed; ${mayPass(cause) ? '' : 'fix the cause and '}remove it again.`;
      return { tenant, error: new TenancyError('REMOVE_FAILED', message, { tenant: id, cause }) };
    }
  }
  await records.delete(tenant, holder);
  return { tenant };
}
