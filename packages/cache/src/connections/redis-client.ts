import { Redis } from 'ioredis';

/** The methods that the cache uses of an ioredis client, a `Redis` or a `Cluster`. */
export interface RedisClient {
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
}

/** The methods that the cache uses of the `Redis` of ioredis that hears of changes. */
export interface Subscriber {
  readonly status: string;
  connect(): Promise<void>;
  subscribe(channel: string): Promise<unknown>;
  on(event: 'ready' | 'close', handler: () => void): unknown;
  on(event: 'error', handler: (error: unknown) => void): unknown;
  on(event: 'message', handler: (channel: string, message: string) => void): unknown;
  disconnect(): void;
}

/** A `Redis` of ioredis, which can make another like it. A `Cluster` has the method too, and is another thing. */
export interface Duplicable {
  readonly isCluster?: boolean;
  duplicate(override: SubscriberOptions): Subscriber;
}

interface SubscriberOptions {
  readonly lazyConnect: true;
  readonly autoResubscribe: false;
}

/** Another connection to the same server, to subscribe with. */
export function subscriberOf(client: Duplicable): Subscriber {
  // A subscription that the client renewed by itself would not say when.
  return client.duplicate({ lazyConnect: true, autoResubscribe: false });
}

/** Whether the client can make another for a subscription. */
export function isDuplicable(client: object): client is Duplicable {
  const { duplicate, isCluster } = client as Partial<Duplicable>;
  return typeof duplicate === 'function' && isCluster !== true;
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
