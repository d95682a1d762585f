import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import type { Reference } from '../vault/reference.ts';
import type { Vault } from '../vault/vault.ts';
import type { MoveLedger } from './move-ledger.ts';

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
  /** The number of tenants with credentials that are now sealed with the first key. One that is being moved counts once more for its move. */
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
  /** The references in moves that have not ended. */
  readonly moves: Pick<MoveLedger, 'references' | 'replaceReference'>;
}

export async function rotate(
  { vault, store, write, moves }: RotateParts,
  { signal, onProgress }: RotateOptions = {},
): Promise<Rotation> {
  vault.firstKey();
  const report = { rotated: 0, unchanged: 0, failed: [] as { tenant: string; error: TenancyError }[] };

  const reseal = async (id: string, url: Reference) => vault.seal(await vault.open({ tenant: id, url }), id);

  async function renew({ id, placement: { url } }: Tenant): Promise<'rotated' | 'unchanged'> {
    if (url === undefined || !vault.isOutdated(url)) return 'unchanged';
    if (await write(id, await reseal(id, url), url)) return 'rotated';
    // It has changed meanwhile.
    const now = await store.find(id);
    return now ? renew(now) : 'unchanged';
  }

  /** What a move goes on with, or is undone by; and the record, which the move may have changed since it was read. */
  async function renewMove(id: string, urls: readonly Reference[]): Promise<'rotated' | 'unchanged'> {
    const outdated = urls.filter((url) => vault.isOutdated(url));
    for (const url of outdated) await moves.replaceReference(id, url, await reseal(id, url));
    const now = await store.find(id);
    const outcome = now ? await renew(now) : 'unchanged';
    return outdated.length > 0 ? 'rotated' : outcome;
  }

  async function count(tenant: string, work: () => Promise<'rotated' | 'unchanged'>): Promise<void> {
    let outcome: RotationOutcome = 'failed';
    try {
      outcome = await work();
      report[outcome] += 1;
    } catch (error) {
      report.failed.push({ tenant, error: asTenancyError(error, tenant) });
    }
    onProgress?.({ tenant, outcome });
  }

  for await (const tenant of store.all({ isolation: 'database' })) {
    if (signal?.aborted) break;
    if (tenant.placement.url !== undefined) await count(tenant.id, () => renew(tenant));
  }
  for (const [id, urls] of await moves.references()) {
    if (signal?.aborted) break;
    await count(id, () => renewMove(id, urls));
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
