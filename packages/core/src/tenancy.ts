import { innermost, type OpenScope, outside, type Scope, type ScopeOwner } from './context.ts';
import { TenancyError } from './errors.ts';
import { createFollowedCache } from './followed-cache.ts';
import { guardedStore } from './guarded-store.ts';
import { createIdentify } from './identify.ts';
import { admit, isClosed } from './lifecycle/admit.ts';
import { createTenantRecords, invalidateResources } from './lifecycle/records.ts';
import type { Tenant } from './models/tenant.ts';
import { createRegistry } from './registry.ts';
import type { TenantRequest } from './resolvers/resolver.ts';
import { type ResourceVerbs, type TenantResource, verbsOf } from './resource.ts';
import { enterScope } from './scope.ts';
import { createSignals, type Signals } from './signals.ts';
import { checkedOptions, type TenancyOptions } from './tenancy-options.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** How a scope is entered by `run`. */
export interface RunOptions {
  /**
   * Enters the tenant although it is suspended, under maintenance or archived. It is for operators, and never for requests: the signal
   * `enteringClosed` keeps the record of it. Default: false.
   */
  readonly allowClosed?: boolean | undefined;
  /** Why, for the record. */
  readonly reason?: string | undefined;
}

/** An application's tenancy: it enters tenants' scopes and manages the tenants. */
export interface Tenancy<T extends Tenant = Tenant> extends AsyncDisposable {
  /**
   * Runs `fn` in the scope of an active tenant, awaits its result, and ends the scope in any case. Scopes nest.
   * Rejects with TENANT_UNKNOWN, TENANT_SUSPENDED, TENANT_MAINTENANCE, TENANT_ARCHIVED or STORE_UNAVAILABLE.
   * @example
   * const orders = await tenancy.run('acme', () => orm.em.find(Order, {}));
   */
  run<R>(tenant: string | T, fn: (tenant: T) => R, options?: RunOptions): Promise<Awaited<R>>;
  /** Runs `fn` in central, the scope of the tenants' records and of shared data. */
  central<R>(fn: () => R): Promise<Awaited<R>>;
  /** Runs `fn` in no scope. Use it for what outlives the scope, such as workers, timers and subscribers. */
  outside<R>(fn: () => R): R;
  /** The tenant of the current scope. Throws OUTSIDE_SCOPE, or NOT_IN_TENANT in central. */
  current(): T;
  /** The tenant of the current scope, or `undefined` if there is none. */
  tryCurrent(): T | undefined;
  /** The current scope's handle of a resource. Throws OUTSIDE_SCOPE, RESOURCE_UNKNOWN or SCOPE_ENDED. */
  use<Handle>(of: TenantResource<Handle>): Handle;
  /**
   * The active tenant that a request is for, or `undefined` if it is for a public host.
   * Rejects as `run` does, with TENANT_UNRESOLVED if the request names no tenant, and with TENANT_FORBIDDEN if `authorize` refuses it.
   */
  identify(request: TenantRequest): Promise<T | undefined>;
  /** Identifies a request and runs `fn` in its tenant or in central. Integrations call this. */
  enter<R>(request: TenantRequest, fn: (tenant: T | undefined) => R): Promise<Awaited<R>>;
  readonly tenants: TenantRegistry<T>;
  readonly signals: Signals<T>;
  /** Migrates what the resources keep in central; creates it the first time. */
  migrateCentral(): Promise<void>;
  /** Ends every resource, newest first. Later calls return the same promise. */
  close(): Promise<void>;
}

/**
 * Creates a tenancy. Its tenants are kept by `store`, or by the resource that brings one, such as the orm.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 * @example
 * const tenancy = createTenancy({ resources: [orm, cache], resolver: fromSubdomain('app.com') });
 */
export function createTenancy<T extends Tenant>(options: TenancyOptions<T>): Tenancy<T> {
  const { resolver, authorize, forbiddenAs, publicHosts, reservedIds, onError, ...checked } = checkedOptions(options);
  const resources = checked.resources.map(verbsOf);
  const store = guardedStore(checked.store);
  const cache = createFollowedCache(store, checked.cache, (id) => void invalidateResources(id, { resources, onError }));
  const records = createTenantRecords({ store, cache, resources, onError });
  const signals = createSignals<T>(onError);
  const tenants = createRegistry({
    store,
    cache,
    records,
    signals,
    resources,
    reservedIds,
    publicHosts,
    verbs: checked.verbs,
  });
  const identify = createIdentify({ resolver, authorize, forbiddenAs, publicHosts, cache });

  const owner: ScopeOwner = {
    resources: new Set(checked.resources),
    activated: (scope) => signals.emitScope('activated', scope as Scope<T>),
    deactivated: (scope) => signals.emitScope('deactivated', scope as Scope<T>),
    report: (error, scope) => onError(error, { tenant: scope.kind === 'tenant' ? scope.tenant.id : undefined }),
  };
  const own = (scope: OpenScope) => scope.owner === owner;

  function enterTenant<R>(tenant: T, fn: (tenant: T) => R): Promise<Awaited<R>> {
    return enterScope(owner, tenant, () => fn(tenant));
  }

  function central<R>(fn: () => R): Promise<Awaited<R>> {
    return enterScope(owner, undefined, fn);
  }

  async function run<R>(
    named: string | T,
    fn: (tenant: T) => R,
    { allowClosed = false, reason }: RunOptions = {},
  ): Promise<Awaited<R>> {
    const id = typeof named === 'string' ? named : named?.id;
    const found = cache.find(id);
    const tenant = found instanceof Promise ? await found : found;
    if (!allowClosed || tenant === undefined || !isClosed(tenant)) return enterTenant(admit(tenant, id), fn);
    await signals.emitBefore('enteringClosed', { tenant, reason });
    return enterTenant(tenant, fn);
  }

  function tryCurrent(): T | undefined {
    const scope = innermost(own);
    return scope?.kind === 'tenant' ? (scope.tenant as T) : undefined;
  }

  let closing: Promise<void> | undefined;
  const close = () => (closing ??= endAll(resources));

  return {
    run,
    central,
    outside,

    current() {
      const tenant = tryCurrent();
      if (tenant !== undefined) return tenant;
      throw noTenant({ outside: innermost(own) === undefined });
    },

    tryCurrent,

    use(of) {
      const scope = innermost(own);
      if (scope !== undefined) return scope.handle(of);
      throw usedOutside(verbsOf(of));
    },

    identify: async (request) => identify(request),

    async enter<R>(request: TenantRequest, fn: (tenant: T | undefined) => R): Promise<Awaited<R>> {
      const found = identify(request);
      const tenant = found instanceof Promise ? await found : found;
      return tenant === undefined ? central(() => fn(undefined)) : enterTenant(tenant, fn);
    },

    tenants,
    signals: { on: signals.on },

    migrateCentral: () => migrateEach(resources),

    close,
    [Symbol.asyncDispose]: close,
  };
}

function noTenant({ outside: isOutside }: { readonly outside: boolean }): TenancyError {
  return isOutside
    ? new TenancyError('OUTSIDE_SCOPE', 'There is no current tenant: this code runs outside tenancy.run().')
    : new TenancyError('NOT_IN_TENANT', 'There is no current tenant: this code runs in central.');
}

function usedOutside({ name }: ResourceVerbs): TenancyError {
  const message = `The resource "${name}" was used outside a scope; use it in tenancy.run() or tenancy.central().`;
  return new TenancyError('OUTSIDE_SCOPE', message);
}

async function migrateEach(resources: readonly ResourceVerbs[]): Promise<void> {
  for (const resource of resources) await outside(() => resource.migrateCentral?.());
}

async function endAll(resources: readonly ResourceVerbs[]): Promise<void> {
  const errors: unknown[] = [];
  for (const resource of resources.toReversed()) {
    try {
      await outside(() => resource.end?.());
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, 'Several resources could not be ended.');
}
