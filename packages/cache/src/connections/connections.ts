import type { RedisClient } from './redis-client.ts';
import { closed, Exhausted } from './server-errors.ts';

/** Connections by URL: opened when first used, shared by all who name the same, closed when idle. */
export interface Connections {
  /** Lends the connection for `work`. While it is lent it is not closed. Rejects where all are, or after the end. */
  use<R>(url: string, work: (client: RedisClient) => Promise<R>): Promise<R>;
  end(): void;
}

/** How many connections there are at most, and for how many milliseconds they are kept idle. */
export interface ConnectionsOptions<Client extends Closable> {
  readonly open: (url: string) => Client;
  readonly max: number;
  readonly idle: number;
}

type Closable = RedisClient & { disconnect(): void };

interface Connection {
  readonly client: Closable;
  borrowers: number;
  timer?: NodeJS.Timeout;
}

/** The connections of one cache to Redis servers of the tenants' own. */
export function createConnections<Client extends Closable>({
  open,
  max,
  idle,
}: ConnectionsOptions<Client>): Connections {
  // The one used longest ago comes first.
  const connections = new Map<string, Connection>();
  let ended = false;

  function close(url: string, { client, timer }: Connection): void {
    clearTimeout(timer);
    connections.delete(url);
    client.disconnect();
  }

  function opened(url: string): Connection {
    if (ended) throw new Error(closed);
    if (connections.size >= max) {
      const unused = [...connections].find(([, { borrowers }]) => borrowers === 0);
      if (unused === undefined) throw new Exhausted(max);
      close(...unused);
    }
    return { client: open(url), borrowers: 0 };
  }

  return {
    async use(url, work) {
      const connection = connections.get(url) ?? opened(url);
      connections.delete(url);
      connections.set(url, connection);
      clearTimeout(connection.timer);
      connection.borrowers += 1;
      try {
        return await work(connection.client);
      } finally {
        connection.borrowers -= 1;
        if (connection.borrowers === 0 && connections.get(url) === connection) {
          connection.timer = setTimeout(() => close(url, connection), idle).unref();
        }
      }
    },

    end() {
      ended = true;
      for (const [url, connection] of [...connections]) close(url, connection);
    },
  };
}
