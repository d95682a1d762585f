import { outside } from '@omnitenant/core';
import type { SqlClient } from '../sql/client.ts';
import { Connection, type ConnectionTarget, type DatabaseOpener, DatabasePool } from './database-pool.ts';
import { IdleSweep } from './idle-sweep.ts';
import type { Limits } from './limits.ts';
import { PooledClient } from './pooled-client.ts';
import { unavailable } from './server-errors.ts';
import { takeOut } from './take-out.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * The pools of one server, under one budget. A connection is charged to it from before it is opened until its socket is
 * closed. When the budget is spent, a connection that nobody uses is closed to make room for another database's.
 */
export class ServerPools {
  readonly #limits: Limits;
  readonly #opener: (place: ConnectionTarget) => DatabaseOpener;
  readonly #pools = new Map<string, DatabasePool>();
  readonly #waiting: WaitQueue;
  readonly #sweep: IdleSweep;
  readonly #onEmpty: () => void;
  /** How many connections the budget is charged with. */
  #charged = 0;
  #nextTurn: NodeJS.Timeout | undefined;
  #ended = false;

  /** `onEmpty` is called when nobody waits, and no connection is left. */
  constructor(limits: Limits, opener: (place: ConnectionTarget) => DatabaseOpener, onEmpty = (): void => {}) {
    this.#limits = limits;
    this.#opener = opener;
    this.#onEmpty = onEmpty;
    this.#waiting = new WaitQueue(limits, (pool) => this.#forget(pool));
    this.#sweep = new IdleSweep(limits, this.#pools, (connection) => void this.#discard(connection));
  }

  connect(place: ConnectionTarget, plainRead = false): Promise<SqlClient> {
    const pipelined = plainRead && this.#limits.maxPipelined > 1;
    const known = this.#pools.get(keyOf(place));
    const connection = known && ((pipelined && this.#withRoom(known)) || known.idle.pop());
    if (connection) return Promise.resolve(lend(connection, place, pipelined));
    if (this.#ended) return Promise.reject(unavailable(place, closed()));
    const pool = this.#poolOf(place);
    const client = this.#waiting.join(pool, place, pipelined);
    this.#makeRoom();
    this.#forget(pool);
    return client;
  }

  /** Refuses who waits for the database, and resolves when its last connection is closed. */
  async close(database: string): Promise<void> {
    const pools = [...this.#pools.values()].filter((pool) => pool.database.database === database);
    for (const pool of pools) {
      this.#pools.delete(keyOf(pool.database));
      this.#waiting.refuseAll(pool, closed());
      pool.close();
      for (const connection of [...pool.idle]) void this.#discard(connection);
    }
    await Promise.all(pools.map(({ drained }) => drained));
  }

  /** Closes all of them, for good. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#sweep.stop();
    clearTimeout(this.#nextTurn);
    await Promise.all([...this.#pools.values()].map(({ database }) => this.close(database.database)));
  }

  #poolOf(place: ConnectionTarget): DatabasePool {
    const known = this.#pools.get(keyOf(place));
    if (known) return known;
    const pool = new DatabasePool(place, this.#opener(place));
    this.#pools.set(keyOf(place), pool);
    return pool;
  }

  /** Opens further connections for those who wait, as long as some are left, or some that nobody uses. */
  #makeRoom(): void {
    for (let pool = this.#waiting.nextPool(); pool; pool = this.#waiting.nextPool()) {
      const unused = this.#charged < this.#limits.max ? undefined : this.#leastRecentlyUsed();
      if (unused) this.#add(pool, unused);
      else if (this.#charged < this.#limits.max) {
        this.#charged += 1;
        this.#add(pool);
      } else {
        this.#makeRoomLater();
        return;
      }
    }
  }

  /** Where all that nobody uses is in its turn, a turn later some is not. */
  #makeRoomLater(): void {
    if (this.#nextTurn || ![...this.#pools.values()].some(({ idle }) => idle.length > 0)) return;
    const makeRoom = (): void => {
      this.#nextTurn = undefined;
      this.#makeRoom();
    };
    this.#nextTurn = outside(() => setTimeout(makeRoom, rotationMs));
  }

  #leastRecentlyUsed(): Connection | undefined {
    let least: Connection | undefined;
    for (const { idle } of this.#pools.values()) {
      for (const connection of idle) {
        if (!justOpened(connection) && (!least || connection.idleSince < least.idleSince)) least = connection;
      }
    }
    return least;
  }

  /** Opens a connection on a charge that was made for it, or on that of one that is closed for it. */
  #add(pool: DatabasePool, instead?: Connection): void {
    this.#waiting.rotate(pool);
    pool.size += 1;
    pool.opening += 1;
    // What is opened outlives the scope that asks for it.
    void outside(() => this.#open(pool, instead));
  }

  async #open(pool: DatabasePool, instead: Connection | undefined): Promise<void> {
    if (instead) await this.#close(instead);
    let connection: Connection | undefined;
    try {
      // Who waited may have been served meanwhile.
      if (pool.waiting.size >= pool.opening) {
        connection = new Connection(await pool.opener.open(), pool, this.#giveBack);
      }
    } catch (error) {
      // Where nothing is left that could be given back, nobody has anything to wait for.
      if (pool.size === 1) this.#waiting.refuseAll(pool, error);
      else this.#waiting.refuseNext(pool, error);
    }
    pool.opening -= 1;
    if (connection) {
      this.#watch(connection);
      this.#serve(connection);
    } else {
      this.#lost(pool);
    }
  }

  #watch(connection: Connection): void {
    const { client, pool } = connection;
    client.on('end', () => {
      if (connection.gone) return;
      connection.gone = true;
      takeOut(pool.idle, connection);
      takeOut(pool.pipelined, connection);
      this.#lost(pool);
    });
  }

  readonly #giveBack = (connection: Connection, destroy: boolean): void => {
    if (connection.gone) return;
    connection.users -= 1;
    connection.broken ||= destroy;
    if (connection.users > 0) this.#fill(connection);
    else {
      takeOut(connection.pool.pipelined, connection);
      if (connection.broken || this.#isSpent(connection)) void this.#discard(connection);
      else this.#serve(connection);
    }
  };

  /** A connection that another plain read may be sent through, unless somebody waits for it to be free. */
  #withRoom({ pipelined }: DatabasePool): Connection | undefined {
    return this.#waiting.size === 0 ? pipelined.find((connection) => this.#hasRoom(connection)) : undefined;
  }

  #hasRoom(connection: Connection): boolean {
    const { pipelined, users, broken } = connection;
    return pipelined && users < this.#limits.maxPipelined && !broken && !this.#isSpent(connection);
  }

  /** Has those who wait with a plain read send it through the connection, up to the first whose turn it is with anything else. */
  #fill(connection: Connection): void {
    const { waiting } = connection.pool;
    while (waiting.peek()?.pipelined && this.#hasRoom(connection)) {
      if (this.#waiting.nextPool((wanted) => this.#yields(connection, wanted))) return;
      this.#lendToNext(connection);
    }
  }

  #lendToNext(connection: Connection): boolean {
    const waiter = this.#waiting.next(connection.pool);
    waiter?.resolve(lend(connection, waiter.place, waiter.pipelined));
    return waiter !== undefined;
  }

  #isSpent({ openedAt, schemas }: Connection): boolean {
    const { lifetimeMs, maxSchemas } = this.#limits;
    return schemas >= maxSchemas || performance.now() - openedAt >= lifetimeMs;
  }

  /** Has a connection that is free used by whoever waits, kept, or closed. */
  #serve(connection: Connection): void {
    const { pool } = connection;
    if (pool.closed) void this.#discard(connection);
    else if (this.#waiting.size === 0 || !this.#handOn(connection)) {
      connection.idleSince = performance.now();
      pool.idle.push(connection);
      if (this.#waiting.size > 0) this.#makeRoom();
      this.#sweep.start();
    }
  }

  /** Gives it, or its place in the budget, to whoever's turn it is; false where nobody could use it. */
  #handOn(connection: Connection): boolean {
    const other = this.#waiting.nextPool((wanted) => this.#yields(connection, wanted));
    if (other) {
      this.#add(other, connection);
      return true;
    }
    const lent = this.#lendToNext(connection);
    if (lent) this.#fill(connection);
    return lent;
  }

  /** Whether who waits for another database comes before who waits for the connection's. */
  #yields(connection: Connection, wanted: DatabasePool): boolean {
    const { waiting, size } = connection.pool;
    return !justOpened(connection) && (waiting.size === 0 || wanted.size < size);
  }

  async #discard(connection: Connection): Promise<void> {
    await this.#close(connection);
    this.#uncharge();
  }

  /** Closes a connection; its charge is left to whoever has it closed. */
  async #close(connection: Connection): Promise<void> {
    const { pool, client } = connection;
    connection.gone = true;
    takeOut(pool.idle, connection);
    pool.size -= 1;
    pool.closing += 1;
    await pool.opener.close(client);
    pool.closing -= 1;
    this.#forget(pool);
  }

  #lost(pool: DatabasePool): void {
    pool.size -= 1;
    this.#forget(pool);
    this.#uncharge();
  }

  #uncharge(): void {
    this.#charged -= 1;
    this.#makeRoom();
    this.#notifyIfEmpty();
  }

  /** A database that nobody uses keeps no pool. */
  #forget(pool: DatabasePool): void {
    if (!pool.isEmpty) return;
    const key = keyOf(pool.database);
    if (this.#pools.get(key) === pool) this.#pools.delete(key);
    pool.settle();
    this.#notifyIfEmpty();
  }

  #notifyIfEmpty(): void {
    if (this.#charged === 0 && this.#pools.size === 0) this.#onEmpty();
  }
}

/**
 * How long a new connection serves its database, in milliseconds, before it makes room for another's that waits: long enough
 * for the statements of a request, and for what it cost to open.
 */
const rotationMs = 20;

function justOpened({ openedAt }: Connection): boolean {
  return performance.now() - openedAt < rotationMs;
}

function lend(connection: Connection, place: ConnectionTarget, pipelined: boolean): SqlClient {
  return new PooledClient(connection.serve(place.schema, pipelined), place);
}

/** Connections that start with something of their own, or are of a tenant's own, are kept apart from the others to that database. */
function keyOf({ database, startup, tenant }: ConnectionTarget): string {
  return startup === undefined && tenant === undefined ? database : [database, startup, tenant].join('\0');
}

function closed(): Error {
  return new Error('its connections have been closed');
}
