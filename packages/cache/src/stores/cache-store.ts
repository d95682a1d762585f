/** What one tenant (in one incarnation) or central has of a cache; told apart by its name. */
export interface Space {
  readonly name: string;
  readonly tenant?: string;
}

/** An entry to be kept: JSON text, for `ttl` milliseconds or until one of its tags is invalidated. */
export interface Entry {
  readonly json: string;
  readonly ttl: number;
  readonly tags: readonly string[];
}

/** Either what is kept, or the right to keep what is built now. */
type Leased = { readonly json: string } | { readonly lease: string };

/**
 * Where entries are kept. Keys and tags are any text, and mean something in their own space only. A method that rejects says
 * SERVER_UNAVAILABLE.
 */
export interface CacheStore {
  get(space: Space, key: string): Promise<string | undefined>;
  /**
   * What is kept, or else a lease: `keep` honours it unless the key was set, deleted or counted, one of the tags invalidated
   * or the space cleared since. So nothing that was read before a change is kept after it.
   */
  getOrLease(space: Space, key: string, tags: readonly string[]): Promise<Leased>;
  /** Keeps what was built under a lease, if that still holds. */
  keep(space: Space, key: string, lease: string, entry: Entry): Promise<void>;
  set(space: Space, key: string, entry: Entry): Promise<void>;
  /** Says whether it was there. */
  delete(space: Space, key: string): Promise<boolean>;
  /** The sum, or `undefined` where what is kept is no whole number. A new counter begins at 0 and ends after `ttl`. */
  increment(space: Space, key: string, by: number, ttl: number): Promise<number | undefined>;
  invalidate(space: Space, tags: readonly string[]): Promise<void>;
  clear(space: Space): Promise<void>;
  end(): void;
}

/** Milliseconds for which what is being built may still be kept. */
export const leaseTtl = 600_000;
