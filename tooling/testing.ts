export { type Answer, type AskOptions, ask } from './http-client.ts';
export { type Running, type RunOptions, runModules } from './run-modules.ts';
export { obtainable } from './services.ts';
export { type TestDatabase, type TestDatabaseOptions, testDatabase } from './testing/database.ts';
export { type DnsEntry, type TestDns, testDns } from './testing/dns.ts';
export {
  noMariadb,
  type TestMariadb,
  type TestMariadbServer,
  testMariadb,
  testMariadbServer,
} from './testing/mariadb.ts';
export { testName } from './testing/name.ts';
export { testPgBouncer } from './testing/pgbouncer.ts';
export { plainDatabase } from './testing/plain-database.ts';
export { type TestPostgresServer, testPostgresServer } from './testing/postgres.ts';
export { type TestProxy, testProxy } from './testing/proxy.ts';
export { type TestRedis, testRedis, testRedisServer } from './testing/redis.ts';
export { testServer } from './testing/server.ts';
