import type { RedisClient } from './redis-client.ts';
import { closed, Exhausted } from './server-errors.ts';

/** Connections by URL: opened at their first use, shared by all tenants with that URL, closed when idle. */
export interface Connections {
  /**
   * Lends the connection for `work`. A lent connection is not closed to make room. Rejects if all are lent, or after `end`.
   */
  use<R>(url: string, work: (client: RedisClient) => Promise<R>): Promise<R>;
  end(): void;
}

/** How to open a connection, the maximum number of connections, and how long an idle one is kept. */
export interface ConnectionsOptions<Client extends Closable> {
  readonly open: (url: string) => Client;
  readonly max: number;
  readonly idleMs: number;
}

type Closable = RedisClient & { disconnect(): void };

interface Connection {
  readonly client: Closable;
  borrowers: number;
  timer?: NodeJS.Timeout | undefined;
}

/** The connections of one cache to tenants' own Redis servers. */
export function createConnections<Client extends Closable>({
  open,
  max,
  idleMs,
}: ConnectionsOptions<Client>): Connections {
  // The least recently used comes first.
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
          connection.timer = setTimeout(() => close(url, connection), idleMs).unref();
        }
      }
    },

    end() {
      ended = true;
      for (const [url, connection] of [...connections]) close(url, connection);
    },
  };
}
