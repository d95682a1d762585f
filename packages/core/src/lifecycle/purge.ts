import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import type { Lifecycle } from './lifecycle.ts';
import { removeWhen } from './remove.ts';
import { transitions } from './transitions.ts';

/** How long an archived tenant is kept. */
export interface ArchiveOptions {
  /** When `purge` may remove it. Default: never. */
  readonly retainUntil?: Date;
}

/** Which archived tenants are purged. */
export interface PurgeOptions {
  /** Only tenants of these ids. */
  readonly tenants?: readonly string[];
  /** Only say which tenants are due. */
  readonly dryRun?: boolean;
  /** Starts no further tenant once aborted. */
  readonly signal?: AbortSignal;
}

/** The result of a purge. */
export interface Purge {
  /** The tenants whose retention has ended. */
  readonly due: readonly string[];
  readonly purged: readonly string[];
  readonly failed: readonly { readonly tenant: string; readonly error: unknown }[];
}

/** Removes archived tenants whose retention has ended, and finishes removals of those; one that fails does not stop the others. */
export async function purgeTenants<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  { dryRun = false, signal, ...selection }: PurgeOptions = {},
): Promise<Purge> {
  const due: string[] = [];
  const purged: string[] = [];
  const failed: Purge['failed'][number][] = [];
  for await (const id of dueTenants(lifecycle, selection)) {
    if (signal?.aborted) break;
    // One that has failed is being removed by now.
    if (due.includes(id)) continue;
    due.push(id);
    if (dryRun) continue;
    try {
      await removeWhen(lifecycle, id, { transition: transitions.purge, refusal: whyKept });
      purged.push(id);
    } catch (error) {
      failed.push({ tenant: id, error });
    }
  }
  return { due, purged, failed };
}

async function* dueTenants<T extends Tenant>(
  { store }: Lifecycle<T>,
  { tenants }: Pick<PurgeOptions, 'tenants'>,
): AsyncGenerator<string> {
  for (const status of transitions.purge.from) {
    for await (const tenant of store.all({ status })) {
      if (isDue(tenant) && tenants?.includes(tenant.id) !== false) yield tenant.id;
    }
  }
}

function isDue({ retainUntil }: Tenant): boolean {
  return retainUntil != null && retainUntil.getTime() <= Date.now();
}

/** Somebody may have archived it anew meanwhile, for longer. */
function whyKept(tenant: Tenant): TenancyError | undefined {
  if (isDue(tenant)) return undefined;
  const { id, retainUntil } = tenant;
  const until = retainUntil?.toISOString() ?? 'further notice';
  return new TenancyError('TRANSITION_REFUSED', `Tenant "${id}" is retained until ${until}; it was not purged.`, {
    tenant: id,
  });
}
