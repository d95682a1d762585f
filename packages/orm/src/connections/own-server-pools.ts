import type { ServerPools } from './server-pools.ts';

/** The pools of tenants' own servers, by the reference that leads there. Tenants with one reference share a budget. */
export interface OwnServerPools {
  /** The pools of a server, opened on first use and forgotten when empty. */
  of(url: string): ServerPools;
  /** The pools of a server that is in use. */
  tryOf(url: string): ServerPools | undefined;
  end(): Promise<void>;
}

/** `open` gets the function to call when the pools are empty. */
export function ownServerPools(open: (onEmpty: () => void) => ServerPools): OwnServerPools {
  const servers = new Map<string, ServerPools>();
  let ended = false;

  function opened(url: string): ServerPools {
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
    tryOf: (url) => servers.get(url),
    end: async () => {
      ended = true;
      await Promise.all([...servers.values()].map((pools) => pools.end()));
    },
  };
}
