import { type Nudge, TenancyError } from '@omnitenant/core';
import { isDuplicable, type RedisClient, subscriberOf } from './connections/redis-client.ts';
import { reasonOf } from './connections/server-errors.ts';
import { subscribe } from './connections/subscription.ts';

/** Makes nudges of Redis' publish and subscribe, for the processes whose caches have the same prefix. */
export function createNudge(client: RedisClient | undefined, prefix: string): Nudge {
  if (client === undefined || !isDuplicable(client)) {
    throw new TenancyError(
      'CONFIG_INVALID',
      'cache.nudge() needs the option "redis" of createCache(): a URL, or a Redis of ioredis and no Cluster.',
    );
  }
  const channel = `${prefix}nudges`;
  return {
    async send() {
      try {
        await client.eval("return redis.call('publish', ARGV[1], '')", 0, channel);
      } catch (error) {
        throw unheard('sent', error);
      }
    },

    listen(look, onError) {
      let isReported = false;
      return subscribe(subscriberOf(client), channel, {
        onHeard() {
          isReported = false;
          look();
        },
        onLost: () => {},
        onMessage: look,
        onError(error) {
          if (!isReported) onError(unheard('heard', error));
          isReported = true;
        },
      });
    },
  };
}

function unheard(what: 'sent' | 'heard', error: unknown): TenancyError {
  const reason = reasonOf(error);
  return new TenancyError(
    'SERVER_UNAVAILABLE',
    `No nudges are ${what}: ${reason}. Changes of tenants are seen within 1.5 seconds.`,
    { cause: new Error(reason) },
  );
}
