import { LRUCache } from 'lru-cache';
import { type CacheStore, type Entry, leaseTtl, type Space } from './cache-store.ts';

/** A field of a space: an entry or a lease. */
interface Field {
  readonly space: string;
  readonly text: string;
  readonly tags: readonly string[];
}

/** Entries in this process, those used longest ago leaving first when there are too many, whosever they are. */
export function memoryStore(max: number): CacheStore {
  const fields = new LRUCache<string, Field>({
    max,
    dispose: (field, id, reason) => reason !== 'set' && forget(field, id),
  });
  const idsOf = new Map<string, Set<string>>();
  let leases = 0;

  function forget({ space }: Field, id: string): void {
    const ids = idsOf.get(space);
    ids?.delete(id);
    if (ids?.size === 0) idsOf.delete(space);
  }

  function write(space: Space, id: string, { json, ttl, tags }: Entry): void {
    fields.set(id, { space: space.name, text: json, tags }, { ttl });
    const ids = idsOf.get(space.name) ?? new Set();
    idsOf.set(space.name, ids.add(id));
  }

  function set(space: Space, key: string, entry: Entry): void {
    fields.delete(leaseId(space, key));
    write(space, entryId(space, key), entry);
  }

  return {
    async get(space, key) {
      return fields.get(entryId(space, key))?.text;
    },

    async getOrLease(space, key, tags) {
      const json = fields.get(entryId(space, key))?.text;
      if (json !== undefined) return { json };
      const id = leaseId(space, key);
      const held = fields.get(id);
      leases += 1;
      const lease = held?.text ?? String(leases);
      write(space, id, { json: lease, ttl: leaseTtl, tags: [...(held?.tags ?? []), ...tags] });
      return { lease };
    },

    async keep(space, key, lease, entry) {
      if (fields.get(leaseId(space, key))?.text === lease) set(space, key, entry);
    },

    async set(space, key, entry) {
      set(space, key, entry);
    },

    async delete(space, key) {
      fields.delete(leaseId(space, key));
      const id = entryId(space, key);
      return fields.get(id) !== undefined && fields.delete(id);
    },

    async increment(space, key, by, ttl) {
      const id = entryId(space, key);
      const held = fields.get(id);
      const sum = Number(held?.text ?? 0) + by;
      if (!/^-?\d+$/.test(held?.text ?? '0')) return undefined;
      fields.delete(leaseId(space, key));
      const left = held === undefined ? ttl : Math.ceil(fields.getRemainingTTL(id));
      write(space, id, { json: String(sum), ttl: left, tags: held?.tags ?? [] });
      return sum;
    },

    async invalidate(space, tags) {
      for (const id of [...(idsOf.get(space.name) ?? [])]) {
        if (fields.peek(id)?.tags.some((tag) => tags.includes(tag)) ?? true) fields.delete(id);
      }
    },

    async clear(space) {
      for (const id of [...(idsOf.get(space.name) ?? [])]) fields.delete(id);
    },

    end() {
      fields.clear();
    },
  };
}

// A space's name holds no line break.
function entryId({ name }: Space, key: string): string {
  return `${name}\ne${key}`;
}
function leaseId({ name }: Space, key: string): string {
  return `${name}\nl${key}`;
}
