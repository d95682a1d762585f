import type { SqlClient } from '../sql/client.ts';
import type { Connection, ConnectionTarget } from './database-pool.ts';
import { PooledClient } from './pooled-client.ts';
import type { WaitQueue } from './wait-queue.ts';

/** Checks a connection out, until the client is released. */
export function lend(connection: Connection, target: ConnectionTarget, pipelined: boolean): SqlClient {
  return new PooledClient(connection.serve(target.schema, pipelined), target);
}

/** Lends a connection to the next request for its database; false if there is none. */
export function lendToNext(connection: Connection, waiting: WaitQueue): boolean {
  const waiter = waiting.next(connection.pool);
  waiter?.resolve(lend(connection, waiter.target, waiter.pipelined));
  return waiter !== undefined;
}
