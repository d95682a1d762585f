import { redisCommand } from '../services/redis.ts';
import { type RedisServerOptions, redis, redisServer, type Service } from '../services.ts';
import { testName } from './name.ts';
import { opened } from './open.ts';

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** What the test's keys begin with: others use the server too. */
  readonly prefix: string;
  /** Removes the keys of that prefix. */
  drop(): Promise<void>;
}

const removeKeys = `for _, key in ipairs(redis.call('keys', ARGV[1] .. '*')) do redis.call('del', key) end return 0`;

/** A Redis, started when the machine has none, with a prefix of the test's own. */
export async function testRedis(): Promise<TestRedis> {
  const service = await redis();
  const prefix = `${testName()}:`;
  const drop = opened(`Redis keys of "${prefix}" (call drop())`, async () => {
    if (service.from !== 'started') await redisCommand(service.url, 'EVAL', removeKeys, '0', prefix);
    await service.stop();
  });
  return { url: service.url, prefix, drop, [Symbol.asyncDispose]: drop };
}

/** A Redis server of the test's own, for what would disturb others: stopping it, filling it, setting it up otherwise. */
export async function testRedisServer(options: RedisServerOptions = {}): Promise<Service> {
  const service = await redisServer(options);
  const stop = opened(`Redis server ${service.url} (call stop())`, service.stop);
  return { ...service, stop, [Symbol.asyncDispose]: stop };
}
