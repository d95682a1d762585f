import { outside } from '@omnitenant/core';
import type { Connection, DatabasePool } from './database-pool.ts';
import type { Limits } from './limits.ts';

/** Closes the idle connections of a server that were unused for too long, or are too old. One timer serves them all. */
export class IdleSweep {
  readonly #limits: Limits;
  readonly #pools: ReadonlyMap<string, DatabasePool>;
  readonly #close: (connection: Connection) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: Limits, pools: ReadonlyMap<string, DatabasePool>, close: (connection: Connection) => void) {
    this.#limits = limits;
    this.#pools = pools;
    this.#close = close;
  }

  /** Called when a connection becomes idle. */
  start(): void {
    this.#timer ??= this.#in(Math.min(this.#limits.idleMs, this.#limits.lifetimeMs));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #in(ms: number): NodeJS.Timeout {
    return outside(() => setTimeout(() => this.#sweep(), ms).unref());
  }

  #sweep(): void {
    const { idleMs, lifetimeMs } = this.#limits;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const { idle } of this.#pools.values()) {
      for (const connection of [...idle]) {
        const due = Math.min(connection.idleSince + idleMs, connection.openedAt + lifetimeMs);
        if (due <= now) this.#close(connection);
        else next = Math.min(next, due);
      }
    }
    this.#timer = Number.isFinite(next) ? this.#in(next - now) : undefined;
  }
}
