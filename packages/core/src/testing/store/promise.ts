import assert from 'node:assert/strict';
import { isTenancyError, type TenancyErrorCode } from '../../errors/errors.ts';
import type { Tenant, TenantDraft } from '../../models/tenant.ts';
import type { TenantStore } from '../../stores/store.ts';

/** The promises of a store, by the sentence that each is. */
export type StorePromises = Readonly<Record<string, (store: TenantStore) => Promise<void>>>;

/** A tenant as a registry gives it to a store. */
export function draftOf(id: string, changes: Partial<TenantDraft> = {}): TenantDraft {
  return { id, name: id, status: 'active', isolation: 'schema', placement: {}, config: {}, ...changes };
}

/** Rejects unless `attempt` is refused with `code`. */
export async function refuses(code: TenancyErrorCode, attempt: Promise<unknown>): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.ok(isTenancyError(error), `expected a TenancyError, got ${error}`);
    assert.equal(error.code, code);
    return true;
  });
}

/** Settles all attempts, of which exactly one succeeds and the rest are refused with `code`. */
export async function oneWins<R>(code: TenancyErrorCode, attempts: readonly Promise<R>[]): Promise<R> {
  const settled = await Promise.allSettled(attempts);
  const won = settled.filter((one) => one.status === 'fulfilled');
  const codes = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason?.code ?? one.reason] : []));
  assert.deepEqual(codes, new Array(attempts.length - 1).fill(code));
  return (won[0] as PromiseFulfilledResult<R>).value;
}

/** The ids that `all` gives, in its order. */
export async function idsOf(tenants: AsyncIterable<Tenant>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of tenants) ids.push(id);
  return ids;
}
