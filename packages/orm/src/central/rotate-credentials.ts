import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import type { Reference } from '../vault/reference.ts';
import type { Vault } from '../vault/vault.ts';

/** How a rotation is watched and ended. */
export interface RotateOptions {
  /** Begins no more tenants once aborted. */
  readonly signal?: AbortSignal;
  /** Is told of each tenant on a server of its own as it is done. */
  readonly onProgress?: (progress: { readonly tenant: string; readonly outcome: RotationOutcome }) => void;
}

/** What became of one tenant's credentials. */
type RotationOutcome = 'rotated' | 'unchanged' | 'failed';

/** How a rotation went. */
export interface Rotation {
  /** Tenants whose credentials are sealed with the first key since. */
  readonly rotated: number;
  /** Tenants whose credentials were so already, or are in the environment. */
  readonly unchanged: number;
  readonly failed: readonly { readonly tenant: string; readonly error: TenancyError }[];
}

/** What a rotation works on. */
export interface RotateParts {
  readonly vault: Vault;
  readonly store: TenantStore;
  /** Writes down another reference where the tenant still has `from`, and says whether it had. */
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
    const sealed = await vault.seal(await vault.open({ tenant: id, url }));
    if (await write(id, sealed, url)) return 'rotated';
    // Somebody has changed it meanwhile.
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
        `The credentials of the tenant '${tenant}' could not be sealed anew: ${String(thrown)}`,
        { tenant, cause: thrown },
      );
}
