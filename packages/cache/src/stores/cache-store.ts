import type { Owner } from './owner.ts';

/** An entry to keep: JSON text, for `ttlMs` or until one of its tags is invalidated. */
export interface Entry {
  readonly json: string;
  readonly ttlMs: number;
  readonly tags: readonly string[];
}

/** Either the JSON text that is kept, or a lease: the right to keep the value that is built now. */
type Leased = { readonly json: string } | { readonly lease: string };

/**
 * Keeps entries. Keys and tags are any text, and belong to their owner only. A method rejects with SERVER_UNAVAILABLE or
 * CONNECTIONS_EXHAUSTED.
 */
export interface CacheStore {
  get(owner: Owner, key: string): Promise<string | undefined>;
  /**
   * The JSON text that is kept, or else a lease. The lease ends when the key is set, deleted or counted, one of the tags is
   * invalidated, or the owner's entries are cleared; so a value built from older data is not kept after a change.
   */
  getOrLease(owner: Owner, key: string, tags: readonly string[]): Promise<Leased>;
  /** Keeps a value that was built under a lease, unless the lease has ended. */
  keep(owner: Owner, key: string, lease: string, entry: Entry): Promise<void>;
  /** Ends a lease under which nothing was built. */
  release(owner: Owner, key: string, lease: string): Promise<void>;
  set(owner: Owner, key: string, entry: Entry): Promise<void>;
  /** Deletes an entry. Resolves to whether there was one. */
  delete(owner: Owner, key: string): Promise<boolean>;
  /**
   * Resolves to the sum, or to `undefined` if the entry is not a whole number. A new counter starts at 0 and lives for `ttlMs`. A
   * sum that is not a safe integer is not kept.
   */
  increment(owner: Owner, key: string, by: number, ttlMs: number): Promise<number | undefined>;
  invalidate(owner: Owner, tags: readonly string[]): Promise<void>;
  clear(owner: Owner): Promise<void>;
  end(): void;
}

/** How long a lease lives that nobody ends. */
export const leaseTtlMs = 600_000;
