export { mariadb } from './services/mariadb.ts';
export { type PgBouncerOptions, pgbouncer } from './services/pgbouncer.ts';
export { postgres } from './services/postgres.ts';
export { obtainable } from './services/program.ts';
export { type RedisServerOptions, redis, redisServer } from './services/redis.ts';
export type { Service } from './services/service.ts';
