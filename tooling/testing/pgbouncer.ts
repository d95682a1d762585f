import { type PgBouncerOptions, pgbouncer, type Service } from '../services.ts';
import { opened } from './open.ts';
import { testServer } from './server.ts';

/** A PgBouncer of the test's own, in front of the run's PostgreSQL unless told otherwise. Stop it before the database is dropped. */
export async function testPgBouncer(options: Partial<PgBouncerOptions> = {}): Promise<Service> {
  const service = await pgbouncer({ upstream: testServer().url, ...options });
  const stop = opened(`PgBouncer ${service.url} (call stop())`, service.stop);
  return { ...service, stop, [Symbol.asyncDispose]: stop };
}
