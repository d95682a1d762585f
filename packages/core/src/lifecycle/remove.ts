import { mayPass, TenancyError } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';
import type { HeldLease } from './exclusive.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { requireSupport } from './refused.ts';
import { retention } from './retention.ts';
import { requireStatus, type Transition, transitions } from './transitions.ts';

/** How a removal treats the tenant's storage. Default: the storage is destroyed; if that fails, the tenant stays. */
export interface RemoveOptions {
  /** Leave storage that can be adopted, with its contents. `adopt` takes it back, under the same id too. */
  readonly keepStorage?: boolean;
  /** Forget the tenant although storage cannot be destroyed, for example because its server is gone. */
  readonly forget?: boolean;
}

/** The result of a removal. */
export interface Removal {
  /** Storage that could not be destroyed or kept, of a tenant that was forgotten nevertheless. */
  readonly left: readonly { readonly resource: string; readonly error: unknown }[];
}

/**
 * Closes a tenant, destroys its storage and deletes its record. Of a tenant that is being removed, it finishes the removal. Where another
 * call or process removes the tenant meanwhile, it waits for that.
 */
export async function removeTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  options: RemoveOptions = {},
): Promise<Removal> {
  return removeWhen(lifecycle, id, { transition: transitions.remove, options });
}

/** What a removal requires, and what it does. */
interface Terms {
  /** What the tenant's status has to allow. */
  readonly transition: Transition;
  readonly options?: RemoveOptions;
  /** When the record was changed last, as the caller has seen it. If it was changed since, nothing is removed. */
  readonly unchangedSince?: Date;
  /** Why a tenant that is closed by now is not removed. It becomes archived again, unless its removal was begun. */
  readonly refusal?: (tenant: Tenant) => TenancyError | undefined;
}

export async function removeWhen<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  terms: Terms,
): Promise<Removal> {
  const { records, store, signals } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, terms.transition.from);
  if (terms.options?.keepStorage) requireSupport(lifecycle.resources, 'release', id);
  if (stored.status !== 'removing') await signals.emitBefore('removing', { tenant: stored });

  const outcome = await lifecycle.exclusively(id, 'remove', async (lease): Promise<Outcome<T> & Partial<Removal>> => {
    const now = await store.find(id);
    if (now === undefined || !isSameIncarnation(now, stored)) return { tenant: stored, byOther: true };
    return destroyTenant(lifecycle, stored, terms, lease);
  });
  await conclude(lifecycle, outcome, 'removed');
  return { left: outcome.left ?? [] };
}

/** Ends the storage of a tenant that has the status that the transition requires, and forgets it. */
export async function destroyTenant<T extends Tenant>(
  { records, resources }: Lifecycle<T>,
  stored: T,
  { transition, options = {}, unchangedSince, refusal }: Terms,
  { holder, confirm }: HeldLease,
): Promise<Outcome<T> & Partial<Removal>> {
  const { id } = stored;
  // A purge finishes removals by destroying storage, so one that is to keep it must not be due, even if it is cut short.
  const kept = options.keepStorage ? retention<T>(id, null) : undefined;
  // Whose removal was begun by now has lost storage, and stays as it is.
  const isWhole = refusal !== undefined && (await records.read(id)).status !== 'removing';
  const tenant = await records.transit(stored, transition, holder, kept, unchangedSince);
  const error = refusal?.(tenant);
  if (error !== undefined)
    return { tenant: isWhole ? await records.transit(tenant, transitions.keep, holder) : tenant, error };
  const left: Removal['left'][number][] = [];
  for (const resource of resources.toReversed()) {
    await confirm();
    try {
      await outside(() => endStorage(resource, tenant, options));
    } catch (error) {
      if (!options.forget) return { tenant, error: removeFailed(id, resource.name, error) };
      left.push({ resource: resource.name, error });
    }
  }
  await records.delete(tenant, holder);
  return { tenant, left };
}

async function endStorage(resource: ResourceVerbs, tenant: Tenant, { keepStorage }: RemoveOptions): Promise<void> {
  if (keepStorage && resource.release !== undefined) await resource.release(tenant);
  else await resource.destroy?.(tenant);
}

function removeFailed(id: string, resource: string, cause: unknown): TenancyError {
  const message =
    `Tenant "${id}" could not be removed: "${resource}" failed. The tenant stays closed; ${mayPass(cause) ? '' : 'fix the cause and '}remove it again. ` +
    `If what "${resource}" needs is gone for good, remove("${id}", { forget: true }) leaves what cannot be reached.`;
  return new TenancyError('REMOVE_FAILED', message, { tenant: id, cause });
}
