import { outside } from '../context.ts';
import { TenancyError } from '../errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { requireStatus, transitions } from './transitions.ts';

/** Closes a tenant, destroys its storage and deletes its record. */
export async function removeTenant<T extends Tenant>(lifecycle: Lifecycle<T>, id: string): Promise<void> {
  const { records, signals, resources } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, transitions.remove.from);
  if (stored.status !== 'removing') await signals.emitBefore('removing', { tenant: stored });

  const outcome = await lifecycle.exclusively(id, async (): Promise<Outcome<T>> => {
    const tenant = await records.transit(id, transitions.remove);
    for (const resource of resources.toReversed()) {
      try {
        await outside(() => resource.destroy?.(tenant));
      } catch (cause) {
        const message = `Tenant "${id}" could not be removed: "${resource.name}" failed. The tenant stays closed; remove it again.`;
        return { tenant, error: new TenancyError('REMOVE_FAILED', message, { tenant: id, cause }) };
      }
    }
    await records.delete(id);
    return { tenant };
  });
  await conclude(lifecycle, outcome, 'removed');
}
