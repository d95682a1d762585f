import type { ServerPools } from './server-pools.ts';

/** The pools of tenants' own servers, by what leads there. Those that share it share a budget; what nobody uses is not kept. */
export interface OwnServers {
  /** Those of that server, opened on first use. */
  of(url: string): ServerPools;
  /** Those of that server, where it is in use. */
  tryOf(url: string): ServerPools | undefined;
  end(): Promise<void>;
}

/** `open` is given what is to be called when the pools are empty. */
export function ownServers(open: (onEmpty: () => void) => ServerPools): OwnServers {
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
