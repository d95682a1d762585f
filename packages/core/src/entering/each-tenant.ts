import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import type { TenantFilter } from '../stores/store.ts';

/** Which tenants `each` visits, and how. */
export interface EachOptions {
  /** How many tenants are visited at once, and so at most how many connections are in use. Default: 4. */
  readonly concurrency?: number | undefined;
  /** The tenants, by id or by a filter. Default: all that are active. */
  readonly tenants?: readonly string[] | TenantFilter | undefined;
  /**
   * Receives the error of a tenant that is then left out, and the others go on. Without it, the first error ends the iteration. What
   * it throws ends it, too.
   */
  readonly onError?: ((error: unknown, tenant: string) => void) | undefined;
}

/** The result of `each` for one tenant. */
export interface EachResult<T extends Tenant, R> {
  readonly tenant: T;
  readonly value: R;
  /** How many tenants are done, failed ones included. */
  readonly done: number;
}

/** What `each` needs of its tenancy. */
export interface EachSource<T extends Tenant> {
  run<R>(tenant: string, fn: (tenant: T) => R): Promise<Awaited<R>>;
  all(filter: TenantFilter): AsyncIterable<T>;
}

type Outcome<T extends Tenant, R> =
  | { readonly tenant: T; readonly value: Awaited<R> }
  | { readonly id: string; readonly error: unknown };

/**
 * Runs `fn` in one tenant after another, several at a time, and gives the results as they come. No more tenants are begun than are asked for,
 * and whoever stops early waits for those under way.
 */
export async function* eachTenant<T extends Tenant, R>(
  { run, all }: EachSource<T>,
  fn: (tenant: T) => R,
  { concurrency = 4, tenants = { status: 'active' }, onError }: EachOptions = {},
): AsyncGenerator<EachResult<T, Awaited<R>>, void, undefined> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new TenancyError('CONFIG_INVALID', `each() takes a concurrency from 1, not ${concurrency}.`);
  }
  const ids = idsOf(tenants, all);
  const visiting = new Map<string, Promise<Outcome<T, R>>>();
  let isAtEnd = false;
  let done = 0;

  function visit(id: string): Promise<Outcome<T, R>> {
    return run(id, async (tenant) => ({ tenant, value: await fn(tenant) })).catch((error: unknown) => ({ id, error }));
  }

  async function fill(): Promise<void> {
    while (!isAtEnd && visiting.size < concurrency) {
      const next = await ids.next();
      if (next.done) isAtEnd = true;
      else if (!visiting.has(next.value)) visiting.set(next.value, visit(next.value));
    }
  }

  try {
    for (await fill(); visiting.size > 0; await fill()) {
      const outcome = await Promise.race(visiting.values());
      done += 1;
      if ('error' in outcome) {
        visiting.delete(outcome.id);
        if (onError === undefined) throw outcome.error;
        onError(outcome.error, outcome.id);
      } else {
        visiting.delete(outcome.tenant.id);
        yield { ...outcome, done };
      }
    }
  } finally {
    await Promise.all(visiting.values());
    await ids.return?.();
  }
}

async function* idsOf<T extends Tenant>(
  tenants: readonly string[] | TenantFilter,
  all: EachSource<T>['all'],
): AsyncGenerator<string, void, undefined> {
  if (isList(tenants)) yield* new Set(tenants);
  else for await (const { id } of all(tenants)) yield id;
}

function isList(tenants: readonly string[] | TenantFilter): tenants is readonly string[] {
  return Array.isArray(tenants);
}
