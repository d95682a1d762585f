export { obtainable } from './services.ts';
export { type TestDatabase, type TestDatabaseOptions, testDatabase } from './testing/database.ts';
export { testName } from './testing/name.ts';
export { testPgBouncer } from './testing/pgbouncer.ts';
export { plainDatabase } from './testing/plain-database.ts';
export { type TestRedis, testRedis } from './testing/redis.ts';
export { testServer } from './testing/server.ts';
