import { AsyncLocalStorage } from 'node:async_hooks';
import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import type { UsageCounts } from '../models/usage.ts';
import { type ResourceScope, type TenantResource, verbsOf } from '../resource.ts';
import { actingAs, currentActing } from './acting.ts';

/** The scope that code runs in: one tenant's, or central. */
export type Scope<T extends Tenant = Tenant> = TenantScope<T> | CentralScope;

/** A scope in one tenant. */
export interface TenantScope<T extends Tenant = Tenant> extends ScopeLife {
  readonly kind: 'tenant';
  readonly tenant: T;
}

/** The scope of the tenants' records and of shared data. */
export interface CentralScope extends ScopeLife {
  readonly kind: 'central';
}

interface ScopeLife {
  /** The scope that this one was entered in. */
  readonly parent: Scope | undefined;
  /** Whether the function of the scope has settled. Work that it did not await may still run. */
  readonly ended: boolean;
  /**
   * The scope's handle of a resource, opened on first use.
   * @throws RESOURCE_UNKNOWN if the scope's tenancy does not have the resource; SCOPE_ENDED if the scope has ended and
   * the handle would have to be closed.
   */
  handle<Handle>(of: TenantResource<Handle>): Handle;
}

/** The members of a tenancy that a scope needs. */
export interface ScopeOwner {
  readonly resources: ReadonlySet<TenantResource>;
  /** The counts of a tenant; absent where nothing is counted. */
  readonly usageOf: ((tenant: Tenant) => UsageCounts) | undefined;
  activated(scope: Scope): void;
  deactivated(scope: Scope): void;
  /** Receives an error of closing a handle if the scope already rejects with another. */
  report(error: unknown, scope: Scope): void;
}

/** A scope as the context holds it. */
export type OpenScope<T extends Tenant = Tenant> = (TenantScope<T> | CentralScope) & {
  readonly owner: ScopeOwner;
  readonly parent: OpenScope | undefined;
  /** Ends the scope and closes all of its handles, newest first. Returns their errors. */
  end(): undefined | Promise<readonly unknown[]>;
};

const storage = new AsyncLocalStorage<OpenScope | undefined>();

/** The innermost scope, of whichever tenancy, or `undefined` outside. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/**
 * The handle of a resource in the innermost scope whose tenancy has it.
 * @throws OUTSIDE_SCOPE if there is no such scope.
 */
export function handleOf<Handle>(of: TenantResource<Handle>): Handle {
  for (let scope = storage.getStore(); scope !== undefined; scope = scope.parent) {
    if (scope.owner.resources.has(of)) return scope.handle(of);
  }
  const { name } = verbsOf(of);
  throw new TenancyError(
    'OUTSIDE_SCOPE',
    storage.getStore() === undefined
      ? `The resource "${name}" was used outside a scope; use it in tenancy.run() or tenancy.central().`
      : `The resource "${name}" was used in a scope of a tenancy that does not have it; pass it to createTenancy({ resources }).`,
  );
}

/**
 * The usage counts of a scope's tenant, to be increased at once; `undefined` if nothing is counted, and in central.
 * @example
 * const used = usageOf(currentScope());
 * if (used !== undefined) used.jobs += 1;
 */
export function usageOf(scope: ResourceScope | undefined): UsageCounts | undefined {
  return scope?.kind === 'tenant' ? (scope as Partial<OpenScope>).owner?.usageOf?.(scope.tenant) : undefined;
}

/** Runs `fn` outside all scopes, without an actor. Use it for objects that outlive the scope, such as workers, timers, pools and subscribers. */
export function outside<R>(fn: () => R): R {
  return storage.run(undefined, currentActing() === undefined ? fn : () => actingAs(undefined, fn));
}

/** Returns a function that runs later work in the current scope, for callbacks of streams and event emitters. */
export function bindScope(): <R>(fn: () => R) => R {
  const scope = storage.getStore();
  const acting = currentActing();
  return (fn) => storage.run(scope, acting === currentActing() ? fn : () => actingAs(acting, fn));
}

/** The innermost open scope that `fits`. */
export function innermost(fits: (scope: OpenScope) => boolean): OpenScope | undefined {
  let scope = storage.getStore();
  while (scope !== undefined && !fits(scope)) scope = scope.parent;
  return scope;
}

/** Runs `fn` with `scope` as the innermost one. */
export function within<R>(scope: OpenScope, fn: () => R): R {
  return storage.run(scope, fn);
}
