import { Redis } from 'ioredis';

/** The methods that the cache uses of an ioredis client, a `Redis` or a `Cluster`. */
export interface RedisClient {
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  unlink(...keys: string[]): Promise<unknown>;
}

/** A client that belongs to the cache: it connects at its first use, fails fast, and never resends a command. */
export function connect(url: string, timeoutMs: number): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
  });
  // Each failed call rejects anyway; without a listener, the client writes errors to the console.
  client.on('error', () => {});
  return client;
}
