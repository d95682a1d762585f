import type { FairServer } from './fair-server.ts';
import { type ServerStats, sumOf } from './pool-stats.ts';

/** The pools of tenants' own servers, by the reference that leads there. Tenants with one reference share a budget. */
export interface OwnServerPools {
  /** The pools of a server, opened on first use and forgotten when empty. */
  of(url: string): FairServer;
  /** The pools of a server that is in use. */
  tryOf(url: string): FairServer | undefined;
  end(): Promise<void>;
  /** Of all of them together; `undefined` if none is in use. */
  stats(): ServerStats | undefined;
}

/** `open` gets the function to call when the pools are empty. */
export function ownServerPools(open: (onEmpty: () => void) => FairServer): OwnServerPools {
  const servers = new Map<string, FairServer>();
  let ended = false;

  function opened(url: string): FairServer {
    const pools = open(() => {
      if (servers.get(url) === pools) servers.delete(url);
      void pools.end();
    });
    if (ended) void pools.end();
    else servers.set(url, pools);
    return pools;
  }

  return {
    of: (url) => servers.get(url) ?? opened(url),
    stats: () => {
      const [first, ...rest] = [...servers.values()].map((pools) => pools.stats());
      return first && sumOf([first, ...rest]);
    },
    tryOf: (url) => servers.get(url),
    end: async () => {
      ended = true;
      await Promise.all([...servers.values()].map((pools) => pools.end()));
    },
  };
}
