import { currentScope, type Scope } from '@omnitenant/core/extend';
import type { SqlClient } from '../sql/client.ts';
import { trace } from '../sql/diagnostics.ts';
import type { ConnectionTarget, DatabasePool, Waiter } from './database-pool.ts';
import type { Limits } from './limits.ts';
import { takeOut } from './round-robin-queue.ts';
import { exhausted, unavailable } from './server-errors.ts';

/** How a request waits. `unwanted` is aborted when it waits no longer. */
interface JoinOptions extends Pick<Waiter, 'pipelined' | 'lease'> {
  readonly waitMs: number;
  readonly unwanted?: AbortSignal | undefined;
}

/** The requests that wait for a server's connections: limited in number and in time, and served in turn. */
export class WaitQueue {
  readonly #limits: Limits;
  readonly #onLeave: (pool: DatabasePool) => void;
  readonly #waitingElsewhere: () => number;
  /** The pools with waiting requests, in the order of their turns. */
  readonly #pools: DatabasePool[] = [];
  #size = 0;
  /** Requests that have waited, those that were refused, and how long all of them waited, in milliseconds. */
  readonly counts = { waited: 0, refused: 0, waitedMs: 0 };

  /** `onLeave` is called with the pool of each request that leaves without a connection. */
  constructor(limits: Limits, onLeave: (pool: DatabasePool) => void, waitingElsewhere = (): number => 0) {
    this.#limits = limits;
    this.#onLeave = onLeave;
    this.#waitingElsewhere = waitingElsewhere;
  }

  get size(): number {
    return this.#size;
  }

  /** Waits for a connection of the pool. The tenants of one database, and central, are served in turn. */
  join(
    pool: DatabasePool,
    target: ConnectionTarget,
    { pipelined, lease, waitMs, unwanted }: JoinOptions,
  ): Promise<SqlClient> {
    const scope = currentScope();
    const all = this.#size + this.#waitingElsewhere();
    if (all >= this.#limits.maxWaiting) {
      this.counts.refused += 1;
      return Promise.reject(this.#exhausted(pool, `${all} requests are waiting already`, scope));
    }
    const { promise, resolve, reject } = Promise.withResolvers<SqlClient>();
    const key = scope?.kind === 'tenant' ? scope.tenant.id : '';
    const leave = (): boolean => {
      if (!pool.waiting.remove(key, waiter)) return false;
      clearTimeout(waiter.timer);
      this.#left(pool);
      return true;
    };
    unwanted?.addEventListener('abort', () => {
      if (!leave()) return;
      reject(unwanted.reason);
      this.#onLeave(pool);
    });
    const timeOut = (): void => {
      // If a connection is opening for each request that waits, the server is late, not the pool.
      const late = pool.waiting.size <= pool.opening && unavailable(target, new Error('timeout expired'), scope);
      this.counts.refused += 1;
      reject(late || this.#exhausted(pool, `none became free within ${this.#limits.waitMs} ms`, scope));
      leave();
      this.#onLeave(pool);
    };
    const waiter: Waiter = {
      target,
      pipelined,
      lease,
      scope,
      since: performance.now(),
      resolve,
      reject,
      timer: setTimeout(timeOut, waitMs),
    };
    if (pool.waiting.size === 0) this.#pools.push(pool);
    pool.waiting.add(key, waiter);
    this.#size += 1;
    const { server, database } = target;
    const message = () => ({ for: 'connection' as const, server, database, tenant: key || undefined });
    return trace('omnitenant:orm:wait', message, () => promise);
  }

  /** Takes the next request for a connection of the pool. */
  next(pool: DatabasePool): Waiter | undefined {
    const waiter = pool.waiting.next();
    if (!waiter) return undefined;
    clearTimeout(waiter.timer);
    this.counts.waited += 1;
    this.counts.waitedMs += performance.now() - waiter.since;
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
