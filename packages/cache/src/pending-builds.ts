import type { Space } from './stores/cache-store.ts';

/** What is being built in this process, so that it is built once for all who ask for it meanwhile. */
export interface Flights {
  /** The text that is being built, or what `build` will give. */
  join(space: Space, key: string, build: () => Promise<string | undefined>): Promise<string | undefined>;
  /** What is being built, if it is. */
  get(space: Space, key: string): Promise<string | undefined> | undefined;
  /** Lets nobody join any more: what the space holds has changed since these began. */
  forget(space: Space, key?: string): void;
}

/** The flights of one cache. */
export function createFlights(): Flights {
  const flights = new Map<string, Map<string, Promise<string | undefined>>>();

  function forget({ name }: Space, key?: string): void {
    const own = flights.get(name);
    if (key !== undefined) own?.delete(key);
    if (key === undefined || own?.size === 0) flights.delete(name);
  }

  function get({ name }: Space, key: string): Promise<string | undefined> | undefined {
    return flights.get(name)?.get(key);
  }

  return {
    get,
    forget,

    join(space, key, build) {
      const joined = get(space, key);
      if (joined !== undefined) return joined;
      const flight = fly();
      const own = flights.get(space.name) ?? new Map();
      flights.set(space.name, own.set(key, flight));
      return flight;

      async function fly(): Promise<string | undefined> {
        try {
          return await build();
        } finally {
          if (get(space, key) === flight) forget(space, key);
        }
      }
    },
  };
}
