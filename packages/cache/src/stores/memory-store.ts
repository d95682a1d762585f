import { LRUCache } from 'lru-cache';
import { type CacheStore, type Entry, leaseTtlMs } from './cache-store.ts';
import type { Owner } from './owner.ts';

/** A field of an owner: an entry or a lease. */
interface Field {
  readonly owner: Owner;
  readonly text: string;
  readonly tags: readonly string[];
}

/** Keeps at most `max` entries in this process, over all tenants. The least recently used are evicted first. */
export function memoryStore(max: number): CacheStore {
  const fields = new LRUCache<string, Field>({
    max,
    dispose: (field, id, reason) => reason !== 'set' && forget(field, id),
  });
  const idsOf = new Map<Owner, Set<string>>();
  let leases = 0;

  function forget({ owner }: Field, id: string): void {
    const ids = idsOf.get(owner);
    ids?.delete(id);
    if (ids?.size === 0) idsOf.delete(owner);
  }

  function write(owner: Owner, id: string, { json, ttlMs, tags }: Entry): void {
    fields.set(id, { owner, text: json, tags }, { ttl: ttlMs });
    const ids = idsOf.get(owner) ?? new Set();
    idsOf.set(owner, ids.add(id));
  }

  function set(owner: Owner, key: string, entry: Entry): void {
    fields.delete(leaseId(owner, key));
    write(owner, entryId(owner, key), entry);
  }

  return {
    async get(owner, key) {
      return fields.get(entryId(owner, key))?.text;
    },

    async getOrLease(owner, key, tags) {
      const json = fields.get(entryId(owner, key))?.text;
      if (json !== undefined) return { json };
      const id = leaseId(owner, key);
      const held = fields.get(id);
      leases += 1;
      const lease = held?.text ?? String(leases);
      write(owner, id, { json: lease, ttlMs: leaseTtlMs, tags: [...(held?.tags ?? []), ...tags] });
      return { lease };
    },

    async keep(owner, key, lease, entry) {
      if (fields.get(leaseId(owner, key))?.text === lease) set(owner, key, entry);
    },

    async release(owner, key, lease) {
      const id = leaseId(owner, key);
      if (fields.get(id)?.text === lease) fields.delete(id);
    },

    async set(owner, key, entry) {
      set(owner, key, entry);
    },

    async delete(owner, key) {
      fields.delete(leaseId(owner, key));
      const id = entryId(owner, key);
      return fields.get(id) !== undefined && fields.delete(id);
    },

    async increment(owner, key, by, ttlMs) {
      const id = entryId(owner, key);
      const held = fields.get(id);
      const sum = Number(held?.text ?? 0) + by;
      if (!/^-?\d+$/.test(held?.text ?? '0')) return undefined;
      if (!Number.isSafeInteger(sum)) return sum;
      fields.delete(leaseId(owner, key));
      const leftMs = held === undefined ? ttlMs : Math.ceil(fields.getRemainingTTL(id));
      write(owner, id, { json: String(sum), ttlMs: leftMs, tags: held?.tags ?? [] });
      return sum;
    },

    async invalidate(owner, tags) {
      for (const id of [...(idsOf.get(owner) ?? [])]) {
        if (fields.peek(id)?.tags.some((tag) => tags.includes(tag)) ?? true) fields.delete(id);
      }
    },

    async clear(owner) {
      for (const id of [...(idsOf.get(owner) ?? [])]) fields.delete(id);
    },

    end() {
      fields.clear();
    },
  };
}

function entryId(owner: Owner, key: string): string {
  return `${owner}\ne${key}`;
}

function leaseId(owner: Owner, key: string): string {
  return `${owner}\nl${key}`;
}
