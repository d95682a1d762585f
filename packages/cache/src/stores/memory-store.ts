import type { CacheStore, Kept, LeaseOptions, Lifetime } from './cache-store.ts';
import { type MemorySpaces, memorySpaces, textBytes } from './memory-spaces.ts';
import type { Owner } from './owner.ts';

/** How much is kept in this process. */
export interface MemoryStoreOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** The part of both that one owner may have. */
  readonly tenantShare: number;
}

/** What is kept under an id: an entry, or the leases of a key. */
interface Field {
  readonly text: string;
  readonly tags: readonly string[];
  /** When the time to live is over, on the monotonic clock. */
  readonly freshUntil: number;
  /** When it is gone. */
  readonly until: number;
  /** How many hold the lease. */
  readonly holders: number;
}

/** What the store does with fields, by the key that they belong to. */
interface Fields extends MemorySpaces<Field> {
  /** The field, unless it is gone. */
  find(owner: Owner, id: string): Field | undefined;
  /** The entry, unless its time to live is over. */
  fresh(owner: Owner, key: string): Field | undefined;
  setEntry(owner: Owner, key: string, text: string, lifetime: Lifetime): void;
}

/** Keeps entries in this process. */
export function memoryStore(options: MemoryStoreOptions): CacheStore {
  const fields = fieldsWithin(options);
  const { fresh, setEntry } = fields;

  return {
    ...leasesAmong(fields),

    async get(owner, keys) {
      return keys.map((key) => kept(fresh(owner, key)));
    },

    async set(owner, entries, lifetime) {
      for (const [key, text] of entries) setEntry(owner, key, text, lifetime);
    },

    async add(owner, key, text, lifetime) {
      if (fresh(owner, key) !== undefined) return false;
      setEntry(owner, key, text, lifetime);
      return true;
    },

    async touch(owner, key, ttlMs) {
      const entry = fresh(owner, key);
      if (entry === undefined) return false;
      const freshUntil = performance.now() + ttlMs;
      fields.set(owner, entryId(key), { ...entry, freshUntil, until: freshUntil + entry.until - entry.freshUntil });
      return true;
    },

    async delete(owner, key) {
      const there = fresh(owner, key) !== undefined;
      fields.delete(owner, leaseId(key));
      fields.delete(owner, entryId(key));
      return there;
    },

    async increment(owner, key, by, ttlMs) {
      const held = fresh(owner, key);
      const sum = Number(held?.text ?? 0) + by;
      if (!/^-?\d+$/.test(held?.text ?? '0')) return undefined;
      if (!Number.isSafeInteger(sum)) return sum;
      fields.delete(owner, leaseId(key));
      if (held === undefined) setEntry(owner, key, String(sum), { ttlMs, graceMs: 0, tags: [] });
      else fields.set(owner, entryId(key), { ...held, text: String(sum) });
      return sum;
    },

    async invalidate(owner, tags) {
      const invalid = new Set(tags);
      fields.deleteIf(owner, (field) => field.tags.some((tag) => invalid.has(tag)));
    },

    async clear(owner) {
      fields.clear(owner);
    },

    end() {
      fields.clear();
    },
  };
}

function fieldsWithin(options: MemoryStoreOptions): Fields {
  const spaces = memorySpaces<Field>({ ...options, bytesOf });

  function find(owner: Owner, id: string): Field | undefined {
    const field = spaces.get(owner, id);
    if (field === undefined || field.until > performance.now()) return field;
    spaces.delete(owner, id);
    return undefined;
  }

  return {
    ...spaces,
    find,

    fresh(owner, key) {
      const entry = find(owner, entryId(key));
      return entry !== undefined && entry.freshUntil > performance.now() ? entry : undefined;
    },

    setEntry(owner, key, text, { ttlMs, graceMs, tags }) {
      spaces.delete(owner, leaseId(key));
      const freshUntil = performance.now() + ttlMs;
      spaces.set(owner, entryId(key), { text, tags, freshUntil, until: freshUntil + graceMs, holders: 0 });
    },
  };
}

function leasesAmong({
  find,
  fresh,
  setEntry,
  ...fields
}: Fields): Pick<CacheStore, 'getOrLease' | 'keep' | 'release'> {
  let leases = 0;

  function lease(owner: Owner, key: string, { tags, ttlMs }: LeaseOptions): string {
    const held = find(owner, leaseId(key));
    leases += 1;
    const text = held?.text ?? String(leases);
    const until = Math.max(held?.until ?? 0, performance.now() + ttlMs);
    const all = [...new Set([...(held?.tags ?? []), ...tags])];
    fields.set(owner, leaseId(key), { text, tags: all, freshUntil: until, until, holders: (held?.holders ?? 0) + 1 });
    return text;
  }

  return {
    async getOrLease(owner, key, options) {
      const found = kept(fresh(owner, key));
      if (found !== undefined) return { ...found, stale: false };
      const stale = find(owner, entryId(key))?.text;
      if (stale !== undefined && find(owner, leaseId(key)) !== undefined)
        return { text: stale, leftMs: 0, stale: true };
      return { lease: lease(owner, key, options), stale };
    },

    async keep(owner, key, held, text, lifetime) {
      if (find(owner, leaseId(key))?.text === held) setEntry(owner, key, text, lifetime);
    },

    async release(owner, key, held) {
      const id = leaseId(key);
      const field = find(owner, id);
      if (field?.text !== held) return;
      if (field.holders === 1) fields.delete(owner, id);
      else fields.set(owner, id, { ...field, holders: field.holders - 1 });
    },
  };
}

function kept(entry: Field | undefined): Kept | undefined {
  return entry && { text: entry.text, leftMs: Math.ceil(entry.freshUntil - performance.now()) };
}

function bytesOf({ text, tags }: Field): number {
  return tags.reduce((sum, tag) => sum + textBytes(tag), textBytes(text));
}

function entryId(key: string): string {
  return `e${key}`;
}

function leaseId(key: string): string {
  return `l${key}`;
}
