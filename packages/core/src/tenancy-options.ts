import { type CheckedDomains, checkedDomains, type DomainOptions } from './domains/domain-options.ts';
import { TenancyError } from './errors/errors.ts';
import { quoted } from './errors/quoted.ts';
import { type OptionNames, unknownOption } from './errors/unknown-option.ts';
import { warn } from './errors/warn.ts';
import {
  type CheckedImpersonation,
  checkedImpersonation,
  type ImpersonationOptions,
} from './impersonation/impersonation-options.ts';
import type { Nudge } from './lookup/nudge.ts';
import type { TenantCacheOptions } from './lookup/tenant-cache.ts';
import { normalHost } from './models/domain.ts';
import type { Tenant } from './models/tenant.ts';
import type { VerbOptions } from './models/verb-options.ts';
import type { TenancyLog } from './observability/tenancy-log.ts';
import type { TenantRequest, TenantResolver } from './resolvers/resolver.ts';
import { defineResource, type ResourceVerbs, resource, type StoringResource, type TenantResource } from './resource.ts';
import type { OnError } from './signals/signals.ts';
import type { TenantStore } from './stores/store.ts';
import { checkUsageOptions, type UsageOptions } from './usage/usage-options.ts';

/** Options of a tenancy. */
export interface TenancyOptions<T extends Tenant = Tenant> {
  /** Where tenants are kept, if no resource brings a store. */
  readonly store?: TenantStore<T> | undefined;
  /** Required to identify requests. */
  readonly resolver?: TenantResolver | undefined;
  /**
   * Whether a request may enter the tenant that the resolver found: anything but `true` refuses it with `forbiddenAs`. It is called
   * before the tenant's scope begins, and not for central.
   */
  readonly authorize?: ((tenant: T, request: TenantRequest) => boolean | Promise<boolean>) | undefined;
  /** How a request is refused that `authorize` does not let in: 403, or 404 as if there were no such tenant. Default `TENANT_FORBIDDEN`. */
  readonly forbiddenAs?: 'TENANT_FORBIDDEN' | 'TENANT_UNKNOWN' | undefined;
  /** Hosts that lead to central, such as the application's own site. */
  readonly publicHosts?: readonly string[] | undefined;
  /**
   * Per-tenant resources: a database, a cache, a queue. Created in this order, and ended in reverse. A resource whose handle nobody asks for
   * can be given as its verbs, without `defineResource`.
   */
  readonly resources?:
    | readonly []
    | readonly (TenantResource | StoringResource<unknown, T> | ResourceVerbs)[]
    | undefined;
  readonly cache?: TenantCacheOptions | undefined;
  /**
   * Makes changes of tenants reach the other processes in milliseconds and not only within 1.5 seconds: `orm.nudge()`, `cache.nudge()`
   * or the application's own. Default: none.
   */
  readonly nudge?: Nudge | undefined;
  /** How the verbs of one tenant exclude each other across processes. */
  readonly verbs?: VerbOptions | undefined;
  /** Counts what each tenant uses, and writes it to central. Default: false. */
  readonly usage?: boolean | UsageOptions<T> | undefined;
  /** Lets operators act as users of tenants, by `tenancy.impersonation`; it requires `jose`. Default: nobody can. */
  readonly impersonation?: ImpersonationOptions | undefined;
  /** Has tenants prove by DNS that their domains are their own, through `tenancy.domains`. Default: nothing is to be proved. */
  readonly domains?: DomainOptions | undefined;
  /** More ids that no new tenant may have. */
  readonly reservedIds?: readonly string[] | undefined;
  /**
   * Where to write what an operator looks for, such as `console` or a logger of pino: a tenant that failed, a connection that was refused, a tenant over
   * its share. Each kind and tenant is written at most once in 10 seconds. Default: nowhere.
   */
  readonly log?: TenancyLog | undefined;
  /** Receives errors that reach no caller, such as those of `-ed` signal handlers. Default: a process warning. */
  readonly onError?: OnError | undefined;
}

/** Valid options, with defaults. */
export interface CheckedOptions<T extends Tenant> {
  readonly store: TenantStore<T>;
  readonly resolver: TenantResolver | undefined;
  readonly authorize: TenancyOptions<T>['authorize'];
  readonly forbiddenAs: 'TENANT_FORBIDDEN' | 'TENANT_UNKNOWN';
  readonly publicHosts: ReadonlySet<string>;
  readonly resources: readonly TenantResource[];
  readonly cache: TenantCacheOptions;
  readonly nudge: Nudge | undefined;
  readonly verbs: VerbOptions;
  readonly usage: UsageOptions<T> | undefined;
  readonly impersonation: CheckedImpersonation | undefined;
  readonly domains: CheckedDomains | undefined;
  readonly reservedIds: ReadonlySet<string>;
  readonly log: TenancyLog | undefined;
  readonly onError: OnError;
}

/** @throws CONFIG_INVALID, with one sentence on the first invalid option. */
export function checkedOptions<T extends Tenant>(options: TenancyOptions<T>): CheckedOptions<T> {
  if (!isObject(options)) throw invalid('an object of options');
  checkNames(options);
  const {
    resolver,
    authorize,
    forbiddenAs = 'TENANT_FORBIDDEN',
    publicHosts = [],
    resources: given = [],
    cache = {},
    nudge,
    verbs = {},
    usage = false,
    impersonation,
    domains,
    reservedIds = [],
    log,
    onError = warn,
  } = options;
  if (resolver !== undefined && typeof resolver !== 'function') throw invalid('a resolver that is a function');
  if (authorize !== undefined && typeof authorize !== 'function') throw invalid('an authorize that is a function');
  if (forbiddenAs !== 'TENANT_FORBIDDEN' && forbiddenAs !== 'TENANT_UNKNOWN') {
    throw invalid('forbiddenAs to be "TENANT_FORBIDDEN" or "TENANT_UNKNOWN"');
  }
  if (typeof onError !== 'function') throw invalid('an onError that is a function');
  const resources = checkedResources(given);
  const store = onlyStore(options.store, resources);
  checkResourceNames(resources);
  checkCache(cache);
  checkNudge(nudge, store);
  checkVerbs(verbs);
  checkLog(log);
  const counting = usage === true ? {} : usage || undefined;
  if (counting !== undefined) checkUsageOptions(counting);
  if (!Array.isArray(reservedIds) || reservedIds.some((id) => typeof id !== 'string')) {
    throw invalid('reservedIds as an array of strings');
  }
  if (!Array.isArray(publicHosts)) throw invalid('publicHosts as an array of host names');
  return {
    store,
    resolver,
    authorize,
    forbiddenAs,
    publicHosts: new Set(publicHosts.map(publicHost)),
    resources,
    cache,
    nudge,
    verbs,
    usage: counting,
    impersonation: impersonation && checkedImpersonation(impersonation),
    domains: checkedDomains(domains),
    reservedIds: new Set(reservedIds),
    log,
    onError: unfailing(onError),
  };
}

const optionNames: OptionNames<TenancyOptions> = {
  store: true,
  resolver: true,
  authorize: true,
  forbiddenAs: true,
  publicHosts: true,
  resources: true,
  cache: true,
  nudge: true,
  verbs: true,
  usage: true,
  impersonation: true,
  domains: true,
  reservedIds: true,
  log: true,
  onError: true,
};
const cacheNames: OptionNames<TenantCacheOptions> = {
  ttlMs: true,
  trustMs: true,
  max: true,
  unknownTtlMs: true,
  clock: true,
};
const verbNames: OptionNames<VerbOptions> = { leaseMs: true, waitMs: true };

/** A mistyped name would leave its default in force, and say nothing. */
function checkNames(options: Pick<TenancyOptions, 'cache' | 'verbs'>): void {
  const fault =
    faultOf('createTenancy()', unknownOption(options, optionNames)) ??
    faultOf('createTenancy({ cache })', unknownOption(options.cache ?? {}, cacheNames)) ??
    faultOf('createTenancy({ verbs })', unknownOption(options.verbs ?? {}, verbNames));
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', fault);
}

function faultOf(what: string, fault: string | undefined): string | undefined {
  return fault && `${what} ${fault}`;
}

const storeMethods = [
  'find',
  'findByDomain',
  'all',
  'insert',
  'update',
  'delete',
  'domains',
  'addDomain',
  'removeDomain',
] as const satisfies readonly (keyof TenantStore)[];

/** The store of the options or of a resource. Two stores could disagree on which tenants exist. */
function onlyStore<T extends Tenant>(
  given: TenantStore<T> | undefined,
  resources: readonly TenantResource[],
): TenantStore<T> {
  const brought = resources.map((each) => each[resource] as ResourceVerbs & { store?: TenantStore<T> });
  const stores = [...new Set([given, ...brought.map(({ store }) => store)])].filter((store) => store !== undefined);
  const names = brought.filter(({ store }) => store !== undefined).map(({ name }) => `"${name}"`);
  if (names.length > 1) {
    throw invalid(
      `one resource that keeps the tenants, and ${names.join(' and ')} do: give one createOrm() all entities, and its option "servers" the further databases`,
    );
  }
  if (stores.length > 1) throw invalid(`one store, but the option store and ${names.join(' and ')} bring one each`);
  const [store] = stores;
  const owner = (store as Partial<TenantResource> | undefined)?.[resource];
  if (owner !== undefined && !brought.includes(owner as (typeof brought)[number])) {
    throw invalid(
      `the resource that the store belongs to: the tenants of "${owner.name}" could be neither created nor removed without it. Add it to resources`,
    );
  }
  if (!isObject(store)) throw invalid('a store: a resource that brings one, such as the orm, or store: memoryStore()');
  const missing = storeMethods.find((method) => typeof store[method] !== 'function');
  if (missing !== undefined) throw invalid(`a store with the method "${missing}"`);
  return store;
}

function checkedResources(resources: unknown): readonly TenantResource[] {
  if (!Array.isArray(resources)) throw invalid('resources as an array');
  return (resources as readonly (Partial<TenantResource & ResourceVerbs> | undefined)[]).map((given) => {
    const { name, open }: Partial<ResourceVerbs> = given?.[resource] ?? given ?? {};
    if (typeof name !== 'string' || typeof open !== 'function') {
      throw invalid('resources from defineResource(), or their verbs, each with a name and an open()');
    }
    return given?.[resource] ? (given as TenantResource) : defineResource(given as ResourceVerbs);
  });
}

function checkResourceNames(resources: readonly TenantResource[]): void {
  const names = resources.map((each) => each[resource].name);
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw invalid(`resources of different names, and two are named "${twice}"`);
}

function checkCache(cache: unknown): void {
  if (!isObject(cache)) throw invalid('cache options as an object');
  for (const name of ['ttlMs', 'trustMs', 'max', 'unknownTtlMs'] as const) {
    const value = (cache as TenantCacheOptions)[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw invalid(`cache.${name} to be a positive integer`);
    }
  }
}

function checkLog(log: unknown): void {
  if (log === undefined) return;
  const { info, warn, error } = (isObject(log) ? log : {}) as Partial<TenancyLog>;
  if ([info, warn, error].some((method) => typeof method !== 'function')) {
    throw invalid('a log with info(), warn() and error(), such as console');
  }
}

function checkNudge<T extends Tenant>(nudge: unknown, store: TenantStore<T>): void {
  if (nudge === undefined) return;
  const { listen, send = () => {} } = (isObject(nudge) ? nudge : {}) as Partial<Nudge>;
  if (typeof listen !== 'function' || typeof send !== 'function') {
    throw invalid('a nudge with a listen(), such as orm.nudge()');
  }
  if (store.changes === undefined) {
    throw invalid(
      'a store that publishes its changes if it has a nudge. Use the store of the orm, or remove the nudge',
    );
  }
}

function checkVerbs(verbs: unknown): void {
  if (!isObject(verbs)) throw invalid('verbs options as an object');
  const { leaseMs = 1, waitMs = 0 } = verbs as VerbOptions;
  if (!(Number.isSafeInteger(leaseMs) && leaseMs > 0)) throw invalid('verbs.leaseMs to be a positive integer');
  if (!(Number.isSafeInteger(waitMs) && waitMs >= 0)) throw invalid('verbs.waitMs to be an integer of at least 0');
}

function publicHost(named: unknown): string {
  const host = typeof named === 'string' ? normalHost(named) : undefined;
  if (host !== undefined) return host;
  throw invalid(`public hosts without a port or a trailing dot, and ${quoted(named)} is not a host name`);
}

/** An error in `onError` must not change the outcome of the operation that it reports on. */
function unfailing(onError: OnError): OnError {
  return (error, context) => {
    try {
      onError(error, context);
    } catch (failure) {
      warn(failure);
    }
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function invalid(what: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy() requires ${what}.`);
}
