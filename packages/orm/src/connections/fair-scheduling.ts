import type { Connection, DatabasePool } from './database-pool.ts';

/**
 * How long a new connection serves its database, in milliseconds, before it may be closed for another database: long enough
 * for the statements of a request, and to be worth the cost of opening it.
 */
export const rotationMs = 20;

function justOpened({ openedAt }: Connection): boolean {
  return performance.now() - openedAt < rotationMs;
}

/** Whether the requests for another database come before those for the connection's own. */
export function yieldsTo(connection: Connection, other: DatabasePool): boolean {
  const { waiting, size } = connection.pool;
  return !justOpened(connection) && (waiting.size === 0 || other.size < size);
}

/** The idle connection that was not used for longest; one that was just opened stays. */
export function leastRecentlyUsed(pools: Iterable<DatabasePool>): Connection | undefined {
  let least: Connection | undefined;
  for (const { idle } of pools) {
    for (const connection of idle) {
      if (!justOpened(connection) && (!least || connection.idleSince < least.idleSince)) least = connection;
    }
  }
  return least;
}
