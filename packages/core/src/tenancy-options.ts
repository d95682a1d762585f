import { TenancyError } from './errors.ts';
import { normalHost } from './models/domain.ts';
import { quoted } from './models/quoted.ts';
import type { Tenant } from './models/tenant.ts';
import type { TenantResolver } from './resolvers/resolver.ts';
import type { TenantResource } from './resource.ts';
import type { OnError } from './signals.ts';
import type { TenantStore } from './stores/store.ts';
import type { TenantCacheOptions } from './tenant-cache.ts';

/** What a tenancy is created from. */
export interface TenancyOptions<T extends Tenant = Tenant> {
  readonly store: TenantStore<T>;
  /** Needed to identify requests. */
  readonly resolver?: TenantResolver;
  /** Hosts that lead to central, such as the application's own site. */
  readonly publicHosts?: readonly string[];
  /** What each tenant has one of; created in this order, and ended in the reverse one. */
  readonly resources?: readonly TenantResource[];
  readonly cache?: TenantCacheOptions;
  /** Ids that no new tenant may have, besides `reservedTenantIds`. */
  readonly reservedIds?: readonly string[];
  /** Receives errors that have no caller to go to, such as those of `-ed` signals. Default: a process warning. */
  readonly onError?: OnError;
}

/** Options that have been checked, with their defaults. */
export interface CheckedOptions<T extends Tenant> {
  readonly store: TenantStore<T>;
  readonly resolver: TenantResolver | undefined;
  readonly publicHosts: ReadonlySet<string>;
  readonly resources: readonly TenantResource[];
  readonly cache: TenantCacheOptions;
  readonly reservedIds: ReadonlySet<string>;
  readonly onError: OnError;
}

/** @throws CONFIG_INVALID, with one sentence on the first option that is wrong. */
export function checkedOptions<T extends Tenant>(options: TenancyOptions<T>): CheckedOptions<T> {
  if (!isObject(options)) throw invalid('it needs an object of options with a store');
  const { store, resolver, publicHosts = [], resources = [], cache = {}, reservedIds = [], onError = warn } = options;
  checkStore(store);
  if (resolver !== undefined && typeof resolver !== 'function') throw invalid('its resolver must be a function');
  if (typeof onError !== 'function') throw invalid('its onError must be a function');
  checkResources(resources);
  checkCache(cache);
  if (!Array.isArray(reservedIds) || reservedIds.some((id) => typeof id !== 'string')) {
    throw invalid('its reservedIds must be an array of strings');
  }
  if (!Array.isArray(publicHosts)) throw invalid('its publicHosts must be an array of hosts');
  return {
    store,
    resolver,
    publicHosts: new Set(publicHosts.map(publicHost)),
    resources: [...resources],
    cache,
    reservedIds: new Set(reservedIds),
    onError: unfailing(onError),
  };
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

function checkStore(store: unknown): void {
  if (!isObject(store)) throw invalid('it needs a store, such as memoryStore()');
  const missing = storeMethods.find((method) => typeof (store as Partial<TenantStore>)[method] !== 'function');
  if (missing !== undefined) throw invalid(`its store has no method "${missing}"`);
}

function checkResources(resources: unknown): void {
  if (!Array.isArray(resources)) throw invalid('its resources must be an array');
  const names = new Set<string>();
  for (const resource of resources as readonly Partial<TenantResource>[]) {
    if (typeof resource?.name !== 'string' || typeof resource.open !== 'function') {
      throw invalid('each of its resources needs a name and an open()');
    }
    if (names.has(resource.name)) throw invalid(`two of its resources are named "${resource.name}"`);
    names.add(resource.name);
  }
}

function checkCache(cache: unknown): void {
  if (!isObject(cache)) throw invalid('its cache must be an object');
  for (const name of ['ttl', 'max', 'unknownTtl'] as const) {
    const value = (cache as TenantCacheOptions)[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw invalid(`its cache.${name} must be a positive whole number`);
    }
  }
}

function publicHost(named: unknown): string {
  const host = typeof named === 'string' ? normalHost(named) : undefined;
  if (host !== undefined) return host;
  throw invalid(`its public host ${quoted(named)} is no host name; give it without a port or a trailing dot`);
}

/** A reporter that fails must not change the fate of what it reports on. */
function unfailing(onError: OnError): OnError {
  return (error, context) => {
    try {
      onError(error, context);
    } catch (failure) {
      warn(failure);
    }
  };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function invalid(why: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy() cannot go on: ${why}.`);
}
