import type { Owner } from './owner.ts';

/** How long an entry is kept, and by which tags it is found. */
export interface Lifetime {
  readonly ttlMs: number;
  /** How long after `ttlMs` the entry is still served to those who ask while somebody builds the next one. */
  readonly graceMs: number;
  readonly tags: readonly string[];
}

/** What is to be kept under a lease. */
export interface LeaseOptions {
  readonly tags: readonly string[];
  /** How long the lease lives if nobody ends it. */
  readonly ttlMs: number;
}

/** A text that is kept, and for how much longer; 0 if its time to live is over. */
export interface Kept {
  readonly text: string;
  readonly leftMs: number;
}

/**
 * The text that is kept, which may be `stale`: its time to live is over, and somebody else builds the next. Or a lease, which is the
 * right to keep the text that is built now, with such a text if there is one.
 */
export type Found =
  | (Kept & { readonly stale: boolean })
  | { readonly lease: string; readonly stale: string | undefined };

/**
 * Keeps texts. Keys and tags are any text, and belong to their owner only. A method rejects with SERVER_UNAVAILABLE or
 * CONNECTIONS_EXHAUSTED.
 */
export interface CacheStore {
  /** The texts under the keys, in the order of the keys. */
  get(owner: Owner, keys: readonly string[]): Promise<(Kept | undefined)[]>;
  /**
   * Finds a text, or else gives a lease. All leases of a key end when the key is set, deleted or counted, one of the tags is
   * invalidated, or the owner's entries are cleared; so a text built from older data is not kept after a change.
   */
  getOrLease(owner: Owner, key: string, options: LeaseOptions): Promise<Found>;
  /** Keeps a text that was built under a lease, unless the lease has ended. */
  keep(owner: Owner, key: string, lease: string, text: string, lifetime: Lifetime): Promise<void>;
  /** Gives back a lease under which nothing was built. Others may still hold one. */
  release(owner: Owner, key: string, lease: string): Promise<void>;
  set(owner: Owner, entries: readonly (readonly [key: string, text: string])[], lifetime: Lifetime): Promise<void>;
  /** Sets an entry if there is none. Resolves to whether it did. */
  add(owner: Owner, key: string, text: string, lifetime: Lifetime): Promise<boolean>;
  /** Gives an entry another time to live. Resolves to whether there was one. */
  touch(owner: Owner, key: string, ttlMs: number): Promise<boolean>;
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
