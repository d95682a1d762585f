import type { SqlClient } from '../sql/client.ts';
import type { Connection, ConnectionTarget } from './database-pool.ts';
import { PooledClient } from './pooled-client.ts';
import type { ShareLease } from './share-lease.ts';
import type { WaitQueue } from './wait-queue.ts';

/** Checks a connection out, until the client is released. */
export function lend(
  connection: Connection,
  target: ConnectionTarget,
  pipelined: boolean,
  lease: ShareLease | undefined,
): SqlClient {
  connection.serve(target.schema, pipelined);
  lease?.lent(connection.pipelined);
  return new PooledClient(connection, target, lease);
}

/** Lends a connection to the next request for its database; false if there is none. */
export function lendToNext(connection: Connection, waiting: WaitQueue): boolean {
  const waiter = waiting.next(connection.pool);
  waiter?.resolve(lend(connection, waiter.target, waiter.pipelined, waiter.lease));
  return waiter !== undefined;
}
