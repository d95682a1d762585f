import { domainProbe } from './domains/domain-probe.ts';
import { createTenantDomains, type TenantDomains } from './domains/tenant-domains.ts';
import { type EachOptions, type EachResult, eachTenant } from './entering/each-tenant.ts';
import { createIdentification } from './entering/identify.ts';
import { createRun, type RunOptions } from './entering/run.ts';
import { TenancyError } from './errors/errors.ts';
import { requireNode } from './errors/node-version.ts';
import { createImpersonation, type Impersonation } from './impersonation/impersonation.ts';
import { createTenantRecords, invalidateResources } from './lifecycle/records.ts';
import { createFollowedCache } from './lookup/followed-cache.ts';
import { createNudging } from './lookup/nudge.ts';
import type { Tenant } from './models/tenant.ts';
import { createHealth, type Health, type HealthOptions, storeProbes } from './observability/health.ts';
import { writeLog } from './observability/tenancy-log.ts';
import type { TenancyStats } from './observability/tenancy-stats.ts';
import { auditedRegistry } from './registry/audited-registry.ts';
import { guardedStore } from './registry/guarded-store.ts';
import { createRegistry } from './registry/registry.ts';
import type { TenantRegistry } from './registry/tenant-registry.ts';
import type { TenantRequest } from './resolvers/resolver.ts';
import { type HealthProbe, type ResourceVerbs, type TenantResource, verbsOf } from './resource.ts';
import { type Acting, actingAs, checkedActing, currentActing } from './scope/acting.ts';
import { innermost, type OpenScope, outside, type Scope, type ScopeOwner } from './scope/context.ts';
import { enterScope } from './scope/scope.ts';
import { createAuditing } from './signals/auditing.ts';
import { createSignals, type OnError, type SignalSender, type Signals } from './signals/signals.ts';
import type { TenantStore } from './stores/store.ts';
import { checkedOptions, type TenancyOptions } from './tenancy-options.ts';
import type { TenantUsage } from './usage/stored-bytes.ts';
import { createUsage, type Usage, type UsageQuery } from './usage/usage.ts';

/** An application's tenancy: it enters tenants' scopes and manages the tenants. */
export interface Tenancy<T extends Tenant = Tenant> extends AsyncDisposable {
  /**
   * Runs `fn` in the scope of an active tenant, awaits its result, and ends the scope in any case. Scopes nest.
   * An id enters the tenant that has it now. A tenant is entered as it is now, and never a later one with its id.
   * Rejects with TENANT_UNKNOWN, TENANT_OUTDATED, TENANT_SUSPENDED, TENANT_MAINTENANCE, TENANT_ARCHIVED or STORE_UNAVAILABLE.
   * @example
   * const orders = await tenancy.run('acme', () => orm.em.find(Order, {}));
   */
  run<R>(tenant: string | T, fn: (tenant: T) => R, options?: RunOptions): Promise<Awaited<R>>;
  /** Runs `fn` in central, the scope of the tenants' records and of shared data. */
  central<R>(fn: () => R): Promise<Awaited<R>>;
  /**
   * Runs `fn` in each active tenant, a few at a time, and gives the results as they come: a report over all tenants. The loop's body
   * is in no tenant.
   * @example
   * for await (const { tenant, value } of tenancy.each(() => orm.em.count(Order))) console.log(tenant.id, value);
   */
  each<R>(fn: (tenant: T) => R, options?: EachOptions): AsyncIterable<EachResult<T, Awaited<R>>>;
  /**
   * Runs `fn` with `actor` as the one who acts: every signal that it causes says so in `by`. It enters no scope. Throws CONFIG_INVALID for
   * an actor without a name.
   * @example
   * await tenancy.as({ actor: 'maria', reason: 'ticket 7' }, () => tenancy.tenants.suspend('acme'));
   */
  as<R>(acting: Acting, fn: () => R): R;
  /** Who acts here, and why, or `undefined` where nobody has said it. */
  acting(): Acting | undefined;
  /** Runs `fn` in no scope, with nobody acting. Use it for what outlives the scope, such as workers, timers and subscribers. */
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
  /**
   * The tenant that a request leads to, whatever its status and whoever may enter it; `undefined` if that is central, or a tenant that is not
   * there. It lets nobody in: it is for keeping what is not a tenant's off a tenant's host. Rejects as the resolver does.
   */
  leadsTo(request: TenantRequest): Promise<T | undefined>;
  /** Identifies a request and runs `fn` in its tenant or in central. Integrations call this. */
  enter<R>(request: TenantRequest, fn: (tenant: T | undefined) => R): Promise<Awaited<R>>;
  readonly tenants: TenantRegistry<T>;
  readonly signals: Signals<T>;
  /** What this process has counted so far. */
  stats(): TenancyStats;
  /**
   * What each tenant has used, as all processes have counted it that have the option `usage`. Rejects with STORE_UNAVAILABLE, or with
   * CONFIG_INVALID if the store keeps no usage.
   * @example
   * const [used] = await tenancy.usage({ tenant: 'acme', since: new Date('2026-11-01') });
   */
  usage(query?: UsageQuery): Promise<TenantUsage[]>;
  /** Operators who act as users of tenants, with the option `impersonation`. */
  readonly impersonation: Impersonation<T>;
  /** Domains that tenants bring, and prove by DNS, with the option `domains`. */
  readonly domains: TenantDomains;
  /** Whether this process can serve. It never rejects, and contains no credential. */
  health(options?: HealthOptions): Promise<Health>;
  /** Migrates what the resources keep in central; creates it the first time. */
  migrateCentral(): Promise<void>;
  /** Ends every resource, newest first. Later calls return the same promise. */
  close(): Promise<void>;
}

/**
 * Creates a tenancy. Its tenants are stored in `store`, or in the store of a resource, such as the orm.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 * @example
 * const tenancy = createTenancy({ resources: [orm, cache], resolver: fromSubdomain('app.com') });
 */
export function createTenancy<T extends Tenant>(options: TenancyOptions<T>): Tenancy<T> {
  requireNode();
  const { resolver, authorize, forbiddenAs, publicHosts, reservedIds, onError, ...checked } = checkedOptions(options);
  const resources = checked.resources.map(verbsOf);
  const store = guardedStore(checked.store);
  const nudging = createNudging(checked.nudge, onError);
  const changed = (id: string) => void invalidateResources(id, { resources, onError });
  const cache = createFollowedCache(store, checked.cache, changed, nudging);
  const records = createTenantRecords({ store, cache, resources, onError });
  const signals = createSignals<T>(onError);
  const auditing = createAuditing(store.audit, onError);
  const shared = { store, cache, records, signals, resources, auditing, publicHosts, find: cache.find };
  const registry = createRegistry({ ...shared, reservedIds, verbs: checked.verbs, proof: checked.domains });
  const tenants = auditedRegistry(registry, store, auditing);
  const { identify, leadsTo } = createIdentification({ resolver, authorize, forbiddenAs, publicHosts, cache });
  const usage = createUsage({ ...shared, options: checked.usage, onError });
  const { owner, scopes } = createScopeOwner(new Set(checked.resources), usage, signals, onError);
  const own = (scope: OpenScope) => scope.owner === owner;

  function enterTenant<R>(tenant: T, fn: (tenant: T) => R): Promise<Awaited<R>> {
    return enterScope(owner, tenant, () => fn(tenant));
  }

  function central<R>(fn: () => R): Promise<Awaited<R>> {
    return enterScope(owner, undefined, fn);
  }

  const run = createRun({ cache, signals, auditing, enterTenant });

  function tryCurrent(): T | undefined {
    const scope = innermost(own);
    return scope?.kind === 'tenant' ? (scope.tenant as T) : undefined;
  }

  const probes = probesOf({ store, cache, resources, domains: checked.domains });

  const endLog = checked.log === undefined ? () => {} : writeLog(checked.log, (error) => onError(error, {}));

  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= Promise.all([nudging.end(), usage.end()])
      .then(() => endAll(resources))
      .finally(endLog));

  return {
    run,
    central,
    as: (acting, fn) => actingAs(checkedActing(acting), fn),
    acting: currentActing,
    outside,
    health: createHealth(probes, () => closing !== undefined),
    usage: usage.read,
    impersonation: createImpersonation({ ...shared, options: checked.impersonation, tryCurrent }),
    domains: createTenantDomains({ ...shared, options: checked.domains }),
    stats: () => ({ scopes: { ...scopes }, lookups: cache.stats() }),
    each: (fn, options) => eachTenant({ run, all: tenants.all }, fn, options),

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
    leadsTo,

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

/** What is looked at for the health of a process. */
function probesOf<T extends Tenant>(given: {
  readonly store: TenantStore<T>;
  readonly cache: { readonly probes: readonly HealthProbe[] };
  readonly resources: readonly ResourceVerbs[];
  readonly domains: object | undefined;
}): readonly HealthProbe[] {
  const { store, cache, resources, domains } = given;
  const ofClaims = domains && store.domainClaims ? [domainProbe(store.domainClaims)] : [];
  return [...storeProbes(store), ...ofClaims, ...cache.probes, ...resources.flatMap((each) => each.probes ?? [])];
}

/** What scopes need of their tenancy, which counts them. */
function createScopeOwner<T extends Tenant>(
  resources: ReadonlySet<TenantResource>,
  usage: Pick<Usage, 'of'>,
  signals: Pick<SignalSender<T>, 'emitScope'>,
  onError: OnError,
): { readonly owner: ScopeOwner; readonly scopes: TenancyStats['scopes'] } {
  const scopes = { open: 0, entered: 0 };
  const owner: ScopeOwner = {
    resources,
    usageOf: usage.of,
    activated: (scope) => {
      scopes.entered += 1;
      scopes.open += 1;
      signals.emitScope('activated', scope as Scope<T>);
    },
    deactivated: (scope) => {
      scopes.open -= 1;
      signals.emitScope('deactivated', scope as Scope<T>);
    },
    report: (error, scope) => onError(error, { tenant: scope.kind === 'tenant' ? scope.tenant.id : undefined }),
  };
  return { owner, scopes };
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
