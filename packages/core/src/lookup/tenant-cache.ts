import { LRUCache } from 'lru-cache';
import { type TenancyTraces, trace } from '../diagnostics/tenancy-diagnostics.ts';
import { hostFromHeader, isDomain } from '../models/domain.ts';
import { isTenantId, type Tenant } from '../models/tenant.ts';
import type { TenantStore } from '../stores/store.ts';
import { createGate, type Gate } from './gate.ts';

/** How long lookups are cached, and how many. */
export interface TenantCacheOptions {
  /** Milliseconds for which an active tenant is cached. Default 30 000. */
  readonly ttlMs?: number;
  /**
   * Milliseconds for which cached tenants are trusted while the changes of a store that tells of them cannot be read.
   * Default: `ttlMs`.
   */
  readonly trustMs?: number;
  /** Maximum number of cached tenants. Default 10 000. */
  readonly max?: number;
  /** Milliseconds for which an unknown name, or a tenant that is not active, is cached. Default 5 000. */
  readonly unknownTtlMs?: number;
  /** The clock for these durations. Default `performance`. */
  readonly clock?: { now(): number };
}

/** Lookups of tenants by id or host. */
export interface LookupStats {
  /** Answered out of memory, unknown names included. */
  readonly hits: number;
  /** Those that had to wait for the store, or for another's lookup of the same name. */
  readonly misses: number;
  /** Names that are being looked up now. */
  readonly inFlight: number;
}

/** The cached view of the store: returns cached tenants synchronously, and a promise for the others. */
export interface TenantCache<T extends Tenant> {
  find(id: string): T | undefined | Promise<T | undefined>;
  findByDomain(host: string): T | undefined | Promise<T | undefined>;
  /** Drops a tenant after its record changed. */
  changed(id: string): void;
  /** Drops a host. */
  domainChanged(host: string): void;
  /** Drops a deleted tenant and every host that led to it. */
  gone(id: string): void;
  /** Whether what is cached of a tenant is what a change has made of it, as after a change by this process. */
  has(change: { readonly tenant: string; readonly updatedAt?: number | undefined }): boolean;
  /** Drops everything. */
  clear(): void;
  stats(): LookupStats;
}

export const defaultTtlMs = 30_000;
const unknownMax = 1_000;
const lookupsRunning = 16;
const lookupsWaiting = 10_000;

const idKey = 'id:';
const hostKey = 'host:';
const evenOutdated = { allowStale: true };

/** Caches a store. It runs one lookup per name at a time, and a bounded number altogether. */
export function createTenantCache<T extends Tenant>(
  store: TenantStore<T>,
  {
    ttlMs: ttl = defaultTtlMs,
    max = 10_000,
    unknownTtlMs: unknownTtl = 5_000,
    clock = performance,
  }: TenantCacheOptions = {},
): TenantCache<T> {
  const timed = { perf: clock, ttlResolution: 0 };
  // What has run out stays until it is replaced: a store may give the same snapshot again, with what was derived of it.
  const tenants = new LRUCache<string, T>({ ...timed, max, ttl, noDeleteOnStaleGet: true });
  const hosts = new LRUCache<string, string>({ ...timed, max, ttl, noDeleteOnStaleGet: true });
  const unknown = new LRUCache<string, true>({ ...timed, max: unknownMax, ttl: unknownTtl });
  const gate = createGate({ running: lookupsRunning, waiting: lookupsWaiting, existing: existingIn(store) });
  const counts = { hits: 0, misses: 0 };
  const { lookUp, flights } = createLookUp<T>(gate, unknown, counts);

  function keep(tenant: T): void {
    tenants.set(tenant.id, tenant, { ttl: tenant.status === 'active' ? ttl : Math.min(ttl, unknownTtl) });
  }

  function find(id: string) {
    const cached = tenants.get(id);
    if (cached !== undefined) {
      counts.hits += 1;
      return cached;
    }
    if (!isTenantId(id)) return undefined;
    return lookUp(`${idKey}${id}`, () => store.find(id), keep, tenants.peek(id, evenOutdated) !== undefined);
  }

  function lookUpHost(host: string) {
    function found(tenant: T) {
      keep(tenant);
      hosts.set(host, tenant.id);
    }
    const wasFound = hosts.peek(host, evenOutdated) !== undefined;
    return lookUp(`${hostKey}${host}`, () => store.findByDomain(host), found, wasFound);
  }

  return {
    find,

    findByDomain(named) {
      const known = hosts.get(named);
      const tenant = known === undefined ? undefined : tenants.get(known);
      if (tenant !== undefined) {
        counts.hits += 1;
        return tenant;
      }
      const host = hostFromHeader(named);
      if (host === undefined || !isDomain(host)) return undefined;
      const id = hosts.get(host);
      return (id === undefined ? undefined : tenants.get(id)) ?? lookUpHost(host);
    },

    changed(id) {
      flights.clear();
      tenants.delete(id);
      unknown.delete(`${idKey}${id}`);
    },

    domainChanged(host) {
      flights.clear();
      hosts.delete(host);
      unknown.delete(`${hostKey}${host}`);
    },

    gone(id) {
      flights.clear();
      tenants.delete(id);
      for (const [host, leadsTo] of hosts.entries()) if (leadsTo === id) hosts.delete(host);
    },

    has({ tenant, updatedAt }) {
      flights.clear();
      return updatedAt !== undefined && tenants.peek(tenant)?.updatedAt.getTime() === updatedAt;
    },

    clear() {
      flights.clear();
      for (const cached of [tenants, hosts, unknown]) cached.clear();
    },

    stats: () => ({ ...counts, inFlight: flights.size }),
  };
}

/** Looks up one name at a time, and remembers which ones are unknown. */
function createLookUp<T extends Tenant>(gate: Gate, unknown: LRUCache<string, true>, counts: LookupCounts) {
  // A change clears this map: later callers do not join an older lookup, and an older lookup writes nothing to the cache.
  const flights = new Map<string, Promise<T | undefined>>();

  function lookUp(key: string, load: () => Promise<T | undefined>, found: (tenant: T) => void, wasFound: boolean) {
    if (unknown.get(key)) {
      counts.hits += 1;
      return undefined;
    }
    counts.misses += 1;
    const joined = flights.get(key);
    if (joined !== undefined) return joined;
    const flight = trace('omnitenant:lookup', () => lookedUp(key), fly);
    flights.set(key, flight);
    return flight;

    async function fly(): Promise<T | undefined> {
      try {
        const tenant = await gate.pass(key, load, wasFound);
        if (flights.get(key) !== flight) return tenant;
        if (tenant === undefined) unknown.set(key, true);
        else found(tenant);
        return tenant;
      } finally {
        if (flights.get(key) === flight) flights.delete(key);
      }
    }
  }

  return { lookUp, flights };
}

function lookedUp(key: string): TenancyTraces['omnitenant:lookup'] {
  const by = key.startsWith(idKey) ? 'id' : 'host';
  return { by, name: key.slice((by === 'id' ? idKey : hostKey).length) };
}

interface LookupCounts {
  hits: number;
  misses: number;
}

/** Which of many keys of lookups exist, if the store can say that at once. */
function existingIn(store: Pick<TenantStore, 'existing'>) {
  if (store.existing === undefined) return undefined;
  return async (keys: readonly string[]): Promise<ReadonlySet<string>> => {
    const named = (kind: string) => keys.filter((key) => key.startsWith(kind)).map((key) => key.slice(kind.length));
    const found = await store.existing?.({ ids: named(idKey), hosts: named(hostKey) });
    return new Set([
      ...(found?.ids ?? []).map((id) => idKey + id),
      ...(found?.hosts ?? []).map((host) => hostKey + host),
    ]);
  };
}
