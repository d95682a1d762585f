import type { CacheStore, Kept } from './cache-store.ts';
import type { ChangeListener } from './change-listener.ts';
import { type MemorySpacesOptions, memorySpaces, textBytes } from './memory-spaces.ts';
import type { Owner } from './owner.ts';

/** What is kept in this process of a store, and for how long at most. */
export interface LayeredStoreOptions {
  readonly memory: Omit<MemorySpacesOptions<never>, 'bytesOf'>;
  readonly ttlMs: number;
  readonly changes: ChangeListener;
}

/** A read that Redis is to answer. What it answers may be outdated by then. */
interface Read {
  isOutdated: boolean;
}

/**
 * A store of which this process keeps what it has read. It forgets what is changed here, and what it hears was changed elsewhere.
 * While it may not hear of that, it keeps nothing.
 */
export function layeredStore(store: CacheStore, { memory, ttlMs, changes }: LayeredStoreOptions): CacheStore {
  const copies = localCopies(memory);
  const reads = new Map<Owner, Set<Read>>();

  function forget(owner: Owner, keys?: readonly string[]): void {
    for (const read of reads.get(owner) ?? []) read.isOutdated = true;
    copies.delete(owner, keys);
  }

  function forgetAll(): void {
    for (const owner of reads.keys()) forget(owner);
    copies.deleteAll();
  }

  /** Reads from the store, and calls `keep` with the answer and the time of the question if nothing was changed meanwhile. */
  async function reading<R>(owner: Owner, work: () => Promise<R>, keep: (answer: R, at: number) => void): Promise<R> {
    const read = { isOutdated: !changes.isListening({ onChange: forget, onLost: forgetAll }) };
    const own = reads.get(owner) ?? new Set();
    reads.set(owner, own.add(read));
    const at = performance.now();
    try {
      const answer = await work();
      if (!read.isOutdated) keep(answer, at);
      return answer;
    } finally {
      own.delete(read);
      if (own.size === 0) reads.delete(owner);
    }
  }

  function keepLocally(owner: Owner, key: string, { text, leftMs }: Kept, at: number): void {
    copies.set(owner, key, { text, until: at + Math.min(ttlMs, leftMs) });
  }

  /** Waits for a change, and forgets what it concerns before and after, even if it failed. */
  async function changing<R>(owner: Owner, keys: readonly string[] | undefined, change: () => Promise<R>): Promise<R> {
    forget(owner, keys);
    try {
      return await change();
    } finally {
      forget(owner, keys);
    }
  }

  return {
    async get(owner, keys) {
      const found = keys.map((key) => copies.get(owner, key));
      const missing = keys.filter((_, index) => found[index] === undefined);
      if (missing.length === 0) return found;
      const read = await reading(
        owner,
        () => store.get(owner, missing),
        (answer, at) => {
          for (const [index, kept] of answer.entries()) if (kept) keepLocally(owner, missing[index] ?? '', kept, at);
        },
      );
      const rest = read.values();
      return found.map((kept) => kept ?? rest.next().value);
    },

    async getOrLease(owner, key, options) {
      const found = copies.get(owner, key);
      if (found !== undefined) return { ...found, stale: false };
      const ask = () => store.getOrLease(owner, key, options);
      return reading(owner, ask, (answer, at) => {
        if ('text' in answer && !answer.stale) keepLocally(owner, key, answer, at);
      });
    },

    release: store.release,
    keep: (owner, key, ...more) => changing(owner, [key], () => store.keep(owner, key, ...more)),
    set: (owner, entries, lifetime) =>
      changing(
        owner,
        entries.map(([key]) => key),
        () => store.set(owner, entries, lifetime),
      ),
    add: (owner, key, ...more) => changing(owner, [key], () => store.add(owner, key, ...more)),
    touch: (owner, key, ms) => changing(owner, [key], () => store.touch(owner, key, ms)),
    delete: (owner, key) => changing(owner, [key], () => store.delete(owner, key)),
    increment: (owner, key, ...more) => changing(owner, [key], () => store.increment(owner, key, ...more)),
    invalidate: (owner, tags) => changing(owner, undefined, () => store.invalidate(owner, tags)),
    clear: (owner) => changing(owner, undefined, () => store.clear(owner)),

    end() {
      changes.end();
      forgetAll();
      store.end();
    },
  };
}

interface Copy {
  readonly text: string;
  readonly until: number;
}

interface LocalCopies {
  get(owner: Owner, key: string): Kept | undefined;
  set(owner: Owner, key: string, copy: Copy): void;
  /** Deletes what the owner has under the keys, or all that it has. */
  delete(owner: Owner, keys: readonly string[] | undefined): void;
  deleteAll(): void;
}

function localCopies(memory: LayeredStoreOptions['memory']): LocalCopies {
  const spaces = memorySpaces<Copy>({ ...memory, bytesOf: ({ text }) => textBytes(text) });
  return {
    get(owner, key) {
      const found = spaces.get(owner, key);
      if (found === undefined) return undefined;
      const leftMs = Math.ceil(found.until - performance.now());
      if (leftMs > 0) return { text: found.text, leftMs };
      spaces.delete(owner, key);
      return undefined;
    },

    set: spaces.set,

    delete(owner, keys) {
      if (keys === undefined) spaces.clear(owner);
      else for (const key of keys) spaces.delete(owner, key);
    },

    deleteAll: () => spaces.clear(),
  };
}
