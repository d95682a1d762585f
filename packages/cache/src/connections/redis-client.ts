import { Redis } from 'ioredis';

/** What the cache uses of a client of ioredis, be it a `Redis` or a `Cluster`. */
export interface RedisClient {
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  unlink(...keys: string[]): Promise<unknown>;
}

/** A client that belongs to the cache: it connects when it is first used, gives up soon, and sends nothing twice. */
export function connect(url: string, timeout: number): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeout,
    socketTimeout: timeout,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
  });
  // Each call that fails is told so; without a listener the client writes to the console.
  client.on('error', () => {});
  return client;
}
