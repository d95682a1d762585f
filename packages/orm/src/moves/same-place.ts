import { randomBytes } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import { inArchiveSession } from '../archive/archive-session.ts';
import type { Pools } from '../connections/pools.ts';
import { isSame } from '../isolation/storage.ts';
import { placementOf, sharesDatabase } from '../placement/placement.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';

/**
 * Whether a tenant is at that place already. A server and a database may have several names, and what a move makes, or undoes, at its new
 * place must not be what the tenant has. A database of the tenant's own has no room for another place.
 */
export async function isSamePlace(
  parts: { readonly pools: Pools; readonly extensions: string },
  tenant: Tenant,
  target: Tenant,
): Promise<boolean> {
  const here = placementOf(tenant);
  const there = placementOf(target);
  if (sharesDatabase(tenant) && sharesDatabase(target) && here.schema !== there.schema) return false;
  return isSame(here, there) || isSameDatabase(parts, tenant, target);
}

/** Advisory locks are those of one database, by whichever name it is reached. */
async function isSameDatabase(
  parts: { readonly pools: Pools; readonly extensions: string },
  tenant: Tenant,
  target: Tenant,
): Promise<boolean> {
  const lock = randomBytes(8).readBigInt64BE();
  return inArchiveSession(parts, tenant, 'read', async (session) => {
    await session.query(`select pg_advisory_xact_lock(${lock})`);
    try {
      const [found] = await parts.pools.query(
        placementOf(target),
        `select pg_try_advisory_xact_lock(${lock}) as is_free`,
      );
      return !found?.['is_free'];
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  });
}

/** Whether the error says that there is no such database. */
export function isMissing(error: unknown): boolean {
  return codeOf((error as { readonly cause?: unknown }).cause ?? error) === sqlState.undefinedDatabase;
}
