import { currentScope, type Scope } from '@omnitenant/core';
import type { SqlClient } from '../sql/client.ts';
import type { ConnectionTarget, DatabasePool, Waiter } from './database-pool.ts';
import type { Limits } from './limits.ts';
import { exhausted, unavailable } from './server-errors.ts';
import { takeOut } from './take-out.ts';

/** Who waits for a server's connections: not too many, not too long, and each in turn. */
export class WaitQueue {
  readonly #limits: Limits;
  readonly #onLeft: (pool: DatabasePool) => void;
  /** The pools that somebody waits for, in turn. */
  readonly #pools: DatabasePool[] = [];
  #size = 0;

  /** `onLeft` is told of a pool for which somebody has waited in vain. */
  constructor(limits: Limits, onLeft: (pool: DatabasePool) => void) {
    this.#limits = limits;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#size;
  }

  /** Waits for a connection of the pool; within a database the tenants have turns, and central has. */
  join(pool: DatabasePool, place: ConnectionTarget, pipelined: boolean): Promise<SqlClient> {
    const scope = currentScope();
    const { maxWaiting, waitMs } = this.#limits;
    if (this.#size >= maxWaiting) {
      return Promise.reject(this.#exhausted(pool, `${this.#size} wait for one already`, scope));
    }
    const { promise, resolve, reject } = Promise.withResolvers<SqlClient>();
    const whose = scope?.kind === 'tenant' ? scope.tenant.id : '';
    const giveUp = (): void => {
      // Where one is being opened for each who waits, it is the server that is late.
      const late = pool.waiting.size <= pool.opening && unavailable(place, new Error('timeout expired'), scope);
      reject(late || this.#exhausted(pool, `none became free within ${waitMs} ms`, scope));
      pool.waiting.remove(whose, waiter);
      this.#left(pool);
      this.#onLeft(pool);
    };
    const waiter: Waiter = { place, pipelined, scope, resolve, reject, timer: setTimeout(giveUp, waitMs) };
    if (pool.waiting.size === 0) this.#pools.push(pool);
    pool.waiting.add(whose, waiter);
    this.#size += 1;
    return promise;
  }

  /** Takes out whoever's turn it is to have a connection of the pool. */
  next(pool: DatabasePool): Waiter | undefined {
    const waiter = pool.waiting.next();
    if (!waiter) return undefined;
    clearTimeout(waiter.timer);
    this.#left(pool);
    return waiter;
  }

  refuseNext(pool: DatabasePool, error: unknown): void {
    const waiter = this.next(pool);
    waiter?.reject(unavailable(waiter.place, error, waiter.scope));
  }

  refuseAll(pool: DatabasePool, error: unknown): void {
    while (pool.waiting.size > 0) this.refuseNext(pool, error);
  }

  /** The pool whose turn it is, among those that could do with another connection. */
  nextPool(fits: (pool: DatabasePool) => boolean = () => true): DatabasePool | undefined {
    return this.#pools.find((pool) => pool.wantsMore && fits(pool));
  }

  /** The pool has had its turn. */
  rotate(pool: DatabasePool): void {
    if (takeOut(this.#pools, pool)) this.#pools.push(pool);
  }

  #left(pool: DatabasePool): void {
    this.#size -= 1;
    if (pool.waiting.size === 0) takeOut(this.#pools, pool);
  }

  #exhausted({ database, size, opener }: DatabasePool, why: string, scope: Scope | undefined): Error {
    const used = size >= opener.max ? `its ${opener.max} connections` : `the server's ${this.#limits.max} connections`;
    return exhausted(database, `${used} are in use, and ${why}`, scope);
  }
}
