import { startPostgres } from '../services/postgres.ts';
import { opened } from './open.ts';

export interface TestPostgresServer extends AsyncDisposable {
  /** As the role that may do everything. */
  readonly url: string;
  /** Ends it, and the connections of its clients with it, and starts it again with what was committed. */
  restart(): Promise<void>;
  /** The same without warning, as when its machine fails. It is gone `meanwhile`. What was committed is kept with `synchronous_commit=on`. */
  crash(meanwhile: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL server of the test's own, for what would disturb others, or needs other settings: each as `name=value`. */
export async function testPostgresServer(...settings: readonly string[]): Promise<TestPostgresServer> {
  const { url, restart, stop: end } = await startPostgres(settings);
  const stop = opened(`PostgreSQL server ${url} (call stop())`, end);
  return {
    url,
    // A crash would lose what was committed last: durability is off.
    restart: () => restart('SIGINT'),
    crash: (meanwhile) => restart('SIGQUIT', meanwhile),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
