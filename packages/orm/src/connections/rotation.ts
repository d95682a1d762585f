import type { Connection, DatabasePool } from './database-pool.ts';
import type { Limits } from './limits.ts';

/**
 * How long a new connection serves its database, in milliseconds, before it may be closed for another database: long enough
 * for the statements of a request. It is also the least of the patience below.
 */
export const rotationMs = 20;

/** The most of the patience, in milliseconds, however slowly a server opens connections. */
const mostPatienceMs = 250;

/** How many times as long as opening takes a database waits for a connection that others use. */
const worth = 5;

/** How much longer opening may seem to take than it did before. */
const growth = 1.1;

/** The least number of connections that may be exchanged at the same time. */
const leastAtOnce = 2;

/**
 * Decides which connection is closed for another database once the budget is spent. Opening one costs as much as many requests, so one
 * that is in use all the time is closed only for a database that has waited several times as long as opening takes. Otherwise one database
 * more than there are connections would have each request close what the next one needs.
 *
 * A tenth of the budget is exchanged at the same time, at most. A server opens one connection after another, so more would only make each of
 * them slower. And while all clients wait for connections, those that are open seem unused, and would be closed for the next one who waits.
 */
export class Rotation {
  readonly #atOnce: number;
  #exchanging = 0;
  #openingMs = Number.POSITIVE_INFINITY;

  constructor({ max }: Pick<Limits, 'max'>) {
    this.#atOnce = Math.max(leastAtOnce, Math.floor(max / 10));
  }

  /** Counts one connection that is closed to open another. */
  began(): void {
    this.#exchanging += 1;
  }

  ended(): void {
    this.#exchanging -= 1;
  }

  /** Tells how long it took to close one connection and open another. */
  opened(tookMs: number): void {
    this.#openingMs = Math.min(tookMs, growth * this.#openingMs);
  }

  /** Whether a connection that is returned is closed for another database, before the requests for its own. */
  yieldsTo(connection: Connection, other: DatabasePool): boolean {
    if (this.#isBusy || justOpened(connection) || other.size >= connection.pool.size) return false;
    return hasMore(connection, other) ? hasNone(other) || this.#hasWaited(other) : this.#isShort(other);
  }

  /**
   * The idle connection to close for a database that has none, or whose requests have waited for the one it has: a burst of requests is
   * answered sooner than a connection opens. It is of a database that has several, else of two that are chosen at random the one that was not
   * used for longer, provided that one is unused. To choose among the unused alone would be wrong where databases are asked for in turn: the
   * first that counts as unused is the one that is needed next.
   */
  unusedFor(wanted: DatabasePool, idle: Iterable<Connection>): Connection | undefined {
    if (this.#isBusy) return undefined;
    if (!hasNone(wanted) && !this.#hasWaited(wanted)) return undefined;
    const closable = [...idle].filter((connection) => !justOpened(connection));
    const ofSeveral = closable.filter((connection) => hasMore(connection, wanted));
    if (ofSeveral.length > 0) return longerIdle(ofSeveral);
    const isShort = this.#isShort(wanted);
    if (!hasNone(wanted) && !isShort) return undefined;
    const free = closable.filter(
      (connection) => this.#isUnused(connection) || (isShort && connection.pool.size > wanted.size),
    );
    return longerIdle(hasNone(wanted) && free.length > 0 ? closable : free);
  }

  get #isBusy(): boolean {
    return this.#exchanging >= this.#atOnce;
  }

  get #patienceMs(): number {
    return Math.min(Math.max(rotationMs, worth * this.#openingMs), mostPatienceMs);
  }

  #hasWaited({ waiting }: DatabasePool, after = 0): boolean {
    const since = waiting.peek()?.since;
    return since !== undefined && performance.now() - Math.max(since, after) >= this.#patienceMs;
  }

  /** Whether requests have waited, and no connection is opening, or was just opened, that may serve them. */
  #isShort(pool: DatabasePool): boolean {
    return pool.opening === 0 && this.#hasWaited(pool, pool.lastOpenedAt);
  }

  #isUnused({ idleSince }: Connection): boolean {
    return performance.now() - idleSince >= this.#patienceMs;
  }
}

const hasNone = ({ size }: DatabasePool): boolean => size === 0;

/** Whether the database of the connection has more without it than the other one has. */
const hasMore = ({ pool }: Connection, other: DatabasePool): boolean => pool.size > other.size + 1;

/** Of two that are chosen at random, the one that was not used for longer. */
function longerIdle(connections: Connection[]): Connection | undefined {
  const [one] = connections.splice(Math.floor(Math.random() * connections.length), 1);
  const other = connections[Math.floor(Math.random() * connections.length)];
  return one && other && other.idleSince < one.idleSince ? other : one;
}

function justOpened({ openedAt }: Connection): boolean {
  return performance.now() - openedAt < rotationMs;
}
