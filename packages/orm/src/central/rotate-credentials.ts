import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import type { Reference } from '../vault/reference.ts';
import type { Vault } from '../vault/vault.ts';

/** The options of a rotation. */
export interface RotateOptions {
  /** Starts no further tenants once aborted. */
  readonly signal?: AbortSignal;
  /** Called after each tenant on a server of its own. */
  readonly onProgress?: (progress: { readonly tenant: string; readonly outcome: RotationOutcome }) => void;
}

/** The outcome for one tenant's credentials. */
type RotationOutcome = 'rotated' | 'unchanged' | 'failed';

/** The result of a rotation. */
export interface Rotation {
  /** The number of tenants with credentials that are now sealed with the first key. */
  readonly rotated: number;
  /** The number of tenants with credentials that were so already, or are in the environment. */
  readonly unchanged: number;
  readonly failed: readonly { readonly tenant: string; readonly error: TenancyError }[];
}

/** The parts of a rotation. */
export interface RotateParts {
  readonly vault: Vault;
  readonly store: TenantStore;
  /** Stores another reference if the tenant still has `from`, and returns whether it had. */
  readonly write: (tenant: string, to: Reference, from: Reference) => Promise<boolean>;
}

export async function rotate(
  { vault, store, write }: RotateParts,
  { signal, onProgress }: RotateOptions = {},
): Promise<Rotation> {
  vault.firstKey();
  const report = { rotated: 0, unchanged: 0, failed: [] as { tenant: string; error: TenancyError }[] };

  async function renew({ id, placement: { url } }: Tenant): Promise<'rotated' | 'unchanged'> {
    if (url === undefined || !vault.isOutdated(url)) return 'unchanged';
    const sealed = await vault.seal(await vault.open({ tenant: id, url }), id);
    if (await write(id, sealed, url)) return 'rotated';
    // It has changed meanwhile.
    const now = await store.find(id);
    return now ? renew(now) : 'unchanged';
  }

  for await (const tenant of store.all({ isolation: 'database' })) {
    if (signal?.aborted) break;
    if (tenant.placement.url === undefined) continue;
    let outcome: RotationOutcome = 'failed';
    try {
      outcome = await renew(tenant);
      report[outcome] += 1;
    } catch (error) {
      report.failed.push({ tenant: tenant.id, error: asTenancyError(error, tenant.id) });
    }
    onProgress?.({ tenant: tenant.id, outcome });
  }
  return report;
}

function asTenancyError(thrown: unknown, tenant: string): TenancyError {
  return isTenancyError(thrown)
    ? thrown
    : new TenancyError(
        'CREDENTIALS_UNREADABLE',
        `The credentials of the tenant "${tenant}" could not be resealed: ${String(thrown)}`,
        { tenant, cause: thrown },
      );
}
