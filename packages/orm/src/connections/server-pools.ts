import { outside } from '@omnitenant/core';
import type { SqlClient } from '../sql/client.ts';
import { Connection, type ConnectionTarget, type DatabaseOpener, DatabasePool } from './database-pool.ts';
import { leastRecentlyUsed, rotationMs, yieldsTo } from './fair-scheduling.ts';
import { IdleSweep } from './idle-sweep.ts';
import { lend, lendToNext } from './lend.ts';
import { isSpent, type Limits } from './limits.ts';
import { unavailable } from './server-errors.ts';
import { SharedReads } from './shared-reads.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * The pools of one server, under one budget. A connection counts from before it is opened until its socket is closed. When
 * the budget is spent, an idle connection is closed to make room for another database.
 */
export class ServerPools {
  readonly #limits: Limits;
  readonly #opener: (target: ConnectionTarget) => DatabaseOpener;
  readonly #pools = new Map<string, DatabasePool>();
  readonly #waiting: WaitQueue;
  readonly #sharedReads: SharedReads;
  readonly #sweep: IdleSweep;
  readonly #onEmpty: () => void;
  /** The number of connections that count towards the budget. */
  #charged = 0;
  #nextRotation: NodeJS.Timeout | undefined;
  #ended = false;

  /** `onEmpty` is called when no request waits and no connection is left. */
  constructor(limits: Limits, opener: (target: ConnectionTarget) => DatabaseOpener, onEmpty = (): void => {}) {
    this.#limits = limits;
    this.#opener = opener;
    this.#onEmpty = onEmpty;
    this.#waiting = new WaitQueue(limits, (pool) => this.#forget(pool));
    this.#sharedReads = new SharedReads(limits, this.#waiting);
    this.#sweep = new IdleSweep(limits, this.#pools, (connection) => void this.#discard(connection));
  }

  connect(target: ConnectionTarget, plainRead = false): Promise<SqlClient> {
    const pipelined = plainRead && this.#limits.maxPipelined > 1;
    const known = this.#pools.get(keyOf(target));
    const connection = known && ((pipelined && this.#sharedReads.withRoom(known)) || known.idle.pop());
    if (connection) return Promise.resolve(lend(connection, target, pipelined));
    if (this.#ended) return Promise.reject(unavailable(target, closed()));
    const pool = this.#poolOf(target);
    const client = this.#waiting.join(pool, target, pipelined);
    this.#makeRoom();
    this.#forget(pool);
    return client;
  }

  /** Refuses the requests that wait for the database. Resolves when its last connection is closed. */
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

  /** Closes all pools for good. Connections that are still in use after `closeMs` are closed under their users. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#sweep.stop();
    clearTimeout(this.#nextRotation);
    const pools = [...this.#pools.values()];
    const cut = setTimeout(() => {
      for (const connection of pools.flatMap(({ open }) => [...open])) void this.#discard(connection);
    }, this.#limits.closeMs);
    await Promise.all(pools.map(({ database }) => this.close(database.database)));
    clearTimeout(cut);
  }

  #poolOf(target: ConnectionTarget): DatabasePool {
    const known = this.#pools.get(keyOf(target));
    if (known) return known;
    const pool = new DatabasePool(target, this.#opener(target));
    this.#pools.set(keyOf(target), pool);
    return pool;
  }

  /** Opens connections for the requests that wait, while the budget lasts or idle connections can be closed. */
  #makeRoom(): void {
    for (let pool = this.#waiting.nextPool(); pool; pool = this.#waiting.nextPool()) {
      const unused = this.#charged < this.#limits.max ? undefined : leastRecentlyUsed(this.#pools.values());
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

  /** If all idle connections were just opened, one of them can be closed a rotation later. */
  #makeRoomLater(): void {
    if (this.#nextRotation || ![...this.#pools.values()].some(({ idle }) => idle.length > 0)) return;
    const makeRoom = (): void => {
      this.#nextRotation = undefined;
      this.#makeRoom();
    };
    this.#nextRotation = outside(() => setTimeout(makeRoom, rotationMs));
  }

  /** Opens a connection that is charged already, or that takes over the charge of one that is closed first. */
  #add(pool: DatabasePool, instead?: Connection): void {
    this.#waiting.rotate(pool);
    pool.opening += 1;
    // The connection outlives the scope that asks for it.
    void outside(() => this.#open(pool, instead));
  }

  async #open(pool: DatabasePool, instead: Connection | undefined): Promise<void> {
    if (instead) await this.#close(instead);
    let connection: Connection | undefined;
    try {
      // Another connection may have served the request meanwhile.
      if (pool.waiting.size >= pool.opening) {
        connection = new Connection(await pool.opener.open(), pool, this.#giveBack);
      }
    } catch (error) {
      // Without another connection that could be returned, the requests would wait in vain.
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
    pool.open.add(connection);
    client.on('end', () => {
      if (connection.gone) return;
      this.#takeOut(connection);
      this.#lost(pool);
    });
  }

  readonly #giveBack = (connection: Connection, destroy: boolean): void => {
    if (connection.gone) return;
    connection.users -= 1;
    connection.broken ||= destroy;
    if (connection.users > 0) {
      this.#sharedReads.fill(connection);
      return;
    }
    connection.pool.takeOut(connection);
    const isUsable = !connection.broken && !connection.inTransaction && !isSpent(connection, this.#limits);
    if (isUsable) this.#serve(connection);
    else void this.#discard(connection);
  };

  /** Hands a freed connection to the next waiter, keeps it idle, or closes it. */
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

  /** Gives the connection, or its share of the budget, to the next waiter; false if no waiter can use it. */
  #handOn(connection: Connection): boolean {
    const other = this.#waiting.nextPool((wanted) => yieldsTo(connection, wanted));
    if (other) {
      this.#add(other, connection);
      return true;
    }
    const lent = lendToNext(connection, this.#waiting);
    if (lent) this.#sharedReads.fill(connection);
    return lent;
  }

  async #discard(connection: Connection): Promise<void> {
    await this.#close(connection);
    this.#uncharge();
  }

  /** Closes a connection. The caller keeps its charge. */
  async #close(connection: Connection): Promise<void> {
    const { pool, client } = connection;
    this.#takeOut(connection);
    pool.closing += 1;
    await pool.opener.close(client);
    pool.closing -= 1;
    this.#forget(pool);
  }

  /** From now on nobody gets the connection, and whoever has it gives it back to nobody. */
  #takeOut(connection: Connection): void {
    const { pool } = connection;
    connection.gone = true;
    pool.open.delete(connection);
    pool.takeOut(connection);
  }

  #lost(pool: DatabasePool): void {
    this.#forget(pool);
    this.#uncharge();
  }

  #uncharge(): void {
    this.#charged -= 1;
    this.#makeRoom();
    this.#notifyIfEmpty();
  }

  /** Drops the pool of a database that is no longer used. */
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

/** Connections with startup options, of another login, or to a tenant's own server, have pools of their own. */
function keyOf({ database, startup, tenant, login }: ConnectionTarget): string {
  if (startup === undefined && tenant === undefined && login === undefined) return database;
  return [database, startup, tenant, login].join('\0');
}

function closed(): Error {
  return new Error('its connections have been closed');
}
