import { outside } from '@omnitenant/core';
import type { SqlClient } from '../sql/client.ts';
import { publish } from '../sql/diagnostics.ts';
import { Connection, type ConnectionTarget, type DatabaseOpener, DatabasePool } from './database-pool.ts';
import { IdleSweep } from './idle-sweep.ts';
import { lend, lendToNext } from './lend.ts';
import { isSpent, type Limits } from './limits.ts';
import type { PoolStats, StatementCounts } from './pool-stats.ts';
import { Rotation, rotationMs } from './rotation.ts';
import { unavailable } from './server-errors.ts';
import type { ShareLease } from './share-lease.ts';
import { SharedReads } from './shared-reads.ts';
import { WaitQueue } from './wait-queue.ts';

/** How a request waits for its connection. */
interface ConnectOptions {
  /** What it takes of its tenant's share; it ends when the connection is given back. */
  readonly lease?: ShareLease;
  readonly waitMs?: number;
  /** Aborted when the request waits no longer, because it got a connection elsewhere. */
  readonly unwanted?: AbortSignal;
}

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
  readonly #rotation: Rotation;
  readonly #sweep: IdleSweep;
  readonly #onEmpty: () => void;
  /** The number of connections that count towards the budget. */
  #charged = 0;
  readonly #counts = { opened: 0, closed: 0 };
  readonly #statements: StatementCounts = { statements: 0, resent: 0 };
  #nextRotation: NodeJS.Timeout | undefined;
  #ended = false;

  /** `onEmpty` is called when no request waits and no connection is left. `waitingElsewhere` counts towards `maxWaiting`. */
  constructor(
    limits: Limits,
    opener: (target: ConnectionTarget) => DatabaseOpener,
    onEmpty = (): void => {},
    waitingElsewhere?: () => number,
  ) {
    this.#limits = limits;
    this.#rotation = new Rotation(limits);
    this.#opener = opener;
    this.#onEmpty = onEmpty;
    this.#waiting = new WaitQueue(limits, (pool) => this.#forget(pool), waitingElsewhere);
    this.#sharedReads = new SharedReads(limits, this.#waiting, this.#rotation);
    this.#sweep = new IdleSweep(limits, this.#pools, (connection) => void this.#discard(connection));
  }

  connect(
    target: ConnectionTarget,
    plainRead = false,
    { lease, waitMs = this.#limits.waitMs, unwanted }: ConnectOptions = {},
  ): Promise<SqlClient> {
    const pipelined = plainRead && this.#limits.maxPipelined > 1;
    const known = this.#pools.get(keyOf(target));
    const connection = known && ((pipelined && this.#sharedReads.withRoom(known)) || known.idle.pop());
    if (connection) return Promise.resolve(lend(connection, target, pipelined, lease));
    if (this.#ended) return Promise.reject(unavailable(target, closed()));
    const pool = this.#poolOf(target);
    const client = this.#waiting.join(pool, target, { pipelined, lease, waitMs, unwanted });
    this.#makeRoom();
    this.#forget(pool);
    return client;
  }

  /** Whether a request would get a connection without waiting for another to end. */
  hasRoom(target: ConnectionTarget): boolean {
    const known = this.#pools.get(keyOf(target));
    if (known && known.idle.length > 0) return true;
    return this.#waiting.size === 0 && this.#charged < this.#limits.max && !(known && known.size >= known.opener.max);
  }

  /** The pool of a target: its name, and the most connections that it may have. */
  poolFor(target: ConnectionTarget): { readonly key: string; readonly max: number } {
    return { key: keyOf(target), max: this.#poolOf(target).opener.max };
  }

  stats(): PoolStats {
    let idle = 0;
    for (const pool of this.#pools.values()) idle += pool.idle.length;
    const { waited, waitedMs, refused } = this.#waiting.counts;
    const open = this.#charged;
    return {
      max: this.#limits.max,
      open,
      inUse: open - idle,
      idle,
      waiting: this.waiting,
      ...this.#counts,
      ...this.#statements,
      waited,
      waitedMs,
      refused,
    };
  }

  /** The number of requests that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get isEmpty(): boolean {
    return this.#charged === 0 && this.#pools.size === 0;
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
    for (const pool of pools) closedPool(pool);
  }

  /** Cuts all connections, in use or not, as the server has fallen silent. Later requests open others. */
  cut(): void {
    this.#cutAll([...this.#pools.values()]);
  }

  /** Closes all pools for good. Connections that are still in use after `closeMs` are closed under their users. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#sweep.stop();
    clearTimeout(this.#nextRotation);
    const pools = [...this.#pools.values()];
    const cut = setTimeout(() => this.#cutAll(pools), this.#limits.closeMs);
    await Promise.all(pools.map(({ database }) => this.close(database.database)));
    clearTimeout(cut);
  }

  #cutAll(pools: readonly DatabasePool[]): void {
    for (const connection of pools.flatMap(({ open }) => [...open])) void this.#discard(connection);
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
    let unused: Connection | undefined;
    const fits = (pool: DatabasePool): boolean => {
      if (this.#charged < this.#limits.max) return true;
      unused = this.#rotation.unusedFor(pool, this.#idle());
      return unused !== undefined;
    };
    for (let pool = this.#waiting.nextPool(fits); pool; pool = this.#waiting.nextPool(fits)) {
      if (unused === undefined) this.#charged += 1;
      this.#add(pool, unused);
    }
    if (this.#waiting.nextPool()) this.#makeRoomLater();
  }

  *#idle(): Generator<Connection> {
    for (const { idle } of this.#pools.values()) yield* idle;
  }

  /** An idle connection that is left to its database now may be closed a rotation later. */
  #makeRoomLater(): void {
    if (this.#nextRotation || this.#idle().next().done) return;
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
    if (instead) this.#rotation.began();
    // The connection outlives the scope that asks for it.
    void outside(() => this.#open(pool, instead));
  }

  async #open(pool: DatabasePool, instead: Connection | undefined): Promise<void> {
    const began = performance.now();
    if (instead) await this.#close(instead);
    let connection: Connection | undefined;
    try {
      // Another connection may have served the request meanwhile.
      if (pool.waiting.size >= pool.opening) {
        connection = new Connection(await pool.opener.open(), pool, this.#giveBack, this.#statements);
        this.#rotation.opened(performance.now() - began);
      }
    } catch (error) {
      // Without another connection that could be returned, the requests would wait in vain.
      if (pool.size === 1) this.#waiting.refuseAll(pool, error);
      else this.#waiting.refuseNext(pool, error);
    }
    pool.opening -= 1;
    if (instead) this.#rotation.ended();
    if (connection) {
      this.#watch(connection);
      this.#serve(connection);
    } else {
      this.#lost(pool);
    }
    if (instead) this.#makeRoom();
  }

  #watch(connection: Connection): void {
    const { client, pool } = connection;
    pool.open.add(connection);
    pool.lastOpenedAt = connection.openedAt;
    this.#counts.opened += 1;
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
    const other = this.#waiting.nextPool((wanted) => this.#rotation.yieldsTo(connection, wanted));
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
    this.#counts.closed += 1;
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
    if (this.#pools.get(key) === pool) {
      this.#pools.delete(key);
      closedPool(pool);
    }
    pool.settle();
    this.#notifyIfEmpty();
  }

  #notifyIfEmpty(): void {
    if (this.isEmpty) this.#onEmpty();
  }
}

function closedPool({ database: { server, database }, lastOpenedAt }: DatabasePool): void {
  if (lastOpenedAt > 0) publish('omnitenant:orm:pool-closed', () => ({ server, database }));
}

/** Connections with startup options, of another login, or to a tenant's own server, have pools of their own. */
function keyOf({ database, startup, tenant, login }: ConnectionTarget): string {
  if (startup === undefined && tenant === undefined && login === undefined) return database;
  return [database, startup, tenant, login].join('\0');
}

export function closed(): Error {
  return new Error('its connections have been closed');
}
