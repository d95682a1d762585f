import type { Owner } from './stores/owner.ts';

/** The values that this process is building, so that callers who ask meanwhile share one build. */
export interface PendingBuilds {
  /** Joins the pending build of the key, or starts `build`. Resolves to the JSON text. */
  join(owner: Owner, key: string, build: () => Promise<string | undefined>): Promise<string | undefined>;
  /** The pending build of the key, if there is one. */
  get(owner: Owner, key: string): Promise<string | undefined> | undefined;
  /** Lets nobody else join the pending builds of the key, or of all keys: the owner's entries have changed. */
  forget(owner: Owner, key?: string): void;
}

/** The pending builds of one cache. */
export function createPendingBuilds(): PendingBuilds {
  const pending = new Map<Owner, Map<string, Promise<string | undefined>>>();

  function forget(owner: Owner, key?: string): void {
    const own = pending.get(owner);
    if (key !== undefined) own?.delete(key);
    if (key === undefined || own?.size === 0) pending.delete(owner);
  }

  function get(owner: Owner, key: string): Promise<string | undefined> | undefined {
    return pending.get(owner)?.get(key);
  }

  return {
    get,
    forget,

    join(owner, key, build) {
      const joined = get(owner, key);
      if (joined !== undefined) return joined;
      const started = start();
      const own = pending.get(owner) ?? new Map();
      pending.set(owner, own.set(key, started));
      return started;

      async function start(): Promise<string | undefined> {
        try {
          return await build();
        } finally {
          if (get(owner, key) === started) forget(owner, key);
        }
      }
    },
  };
}
