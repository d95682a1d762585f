import { currentScope, type Scope } from '@omnitenant/core/extend';
import type { SqlClient } from '../sql/client.ts';
import type { ConnectionTarget, DatabasePool, Waiter } from './database-pool.ts';
import type { Limits } from './limits.ts';
import { takeOut } from './round-robin-queue.ts';
import { exhausted, unavailable } from './server-errors.ts';

/** The requests that wait for a server's connections: limited in number and in time, and served in turn. */
export class WaitQueue {
  readonly #limits: Limits;
  readonly #onTimeout: (pool: DatabasePool) => void;
  /** The pools with waiting requests, in the order of their turns. */
  readonly #pools: DatabasePool[] = [];
  #size = 0;

  /** `onTimeout` is called with the pool of each request that has waited too long. */
  constructor(limits: Limits, onTimeout: (pool: DatabasePool) => void) {
    this.#limits = limits;
    this.#onTimeout = onTimeout;
  }

  get size(): number {
    return this.#size;
  }

  /** Waits for a connection of the pool. The tenants of one database, and central, are served in turn. */
  join(pool: DatabasePool, target: ConnectionTarget, pipelined: boolean): Promise<SqlClient> {
    const scope = currentScope();
    const { maxWaiting, waitMs } = this.#limits;
    if (this.#size >= maxWaiting) {
      return Promise.reject(this.#exhausted(pool, `${this.#size} requests are waiting already`, scope));
    }
    const { promise, resolve, reject } = Promise.withResolvers<SqlClient>();
    const key = scope?.kind === 'tenant' ? scope.tenant.id : '';
    const timeOut = (): void => {
      // If a connection is opening for each request that waits, the server is late, not the pool.
      const late = pool.waiting.size <= pool.opening && unavailable(target, new Error('timeout expired'), scope);
      reject(late || this.#exhausted(pool, `none became free within ${waitMs} ms`, scope));
      pool.waiting.remove(key, waiter);
      this.#left(pool);
      this.#onTimeout(pool);
    };
    const waiter: Waiter = { target, pipelined, scope, resolve, reject, timer: setTimeout(timeOut, waitMs) };
    if (pool.waiting.size === 0) this.#pools.push(pool);
    pool.waiting.add(key, waiter);
    this.#size += 1;
    return promise;
  }

  /** Takes the next request for a connection of the pool. */
  next(pool: DatabasePool): Waiter | undefined {
    const waiter = pool.waiting.next();
    if (!waiter) return undefined;
    clearTimeout(waiter.timer);
    this.#left(pool);
    return waiter;
  }

  refuseNext(pool: DatabasePool, error: unknown): void {
    const waiter = this.next(pool);
    waiter?.reject(unavailable(waiter.target, error, waiter.scope));
  }

  refuseAll(pool: DatabasePool, error: unknown): void {
    while (pool.waiting.size > 0) this.refuseNext(pool, error);
  }

  /** The next pool, in turn, of those that could use another connection. */
  nextPool(fits: (pool: DatabasePool) => boolean = () => true): DatabasePool | undefined {
    return this.#pools.find((pool) => pool.wantsMore && fits(pool));
  }

  /** Puts the pool behind all others. */
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
