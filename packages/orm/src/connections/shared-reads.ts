import type { Connection, DatabasePool } from './database-pool.ts';
import { yieldsTo } from './fair-scheduling.ts';
import { lendToNext } from './lend.ts';
import { isSpent, type Limits } from './limits.ts';
import type { WaitQueue } from './wait-queue.ts';

/** Sends several plain reads over one connection at once, up to `maxPipelined`. */
export class SharedReads {
  readonly #limits: Limits;
  readonly #waiting: WaitQueue;

  constructor(limits: Limits, waiting: WaitQueue) {
    this.#limits = limits;
    this.#waiting = waiting;
  }

  /** A connection that can take another plain read. There is none while a request waits for a free connection. */
  withRoom({ pipelined }: DatabasePool): Connection | undefined {
    return this.#waiting.size === 0 ? pipelined.find((connection) => this.#hasRoom(connection)) : undefined;
  }

  /** Lends the connection to the plain reads that wait, up to the first other request whose turn it is. */
  fill(connection: Connection): void {
    const { waiting } = connection.pool;
    while (waiting.peek()?.pipelined && this.#hasRoom(connection)) {
      if (this.#waiting.nextPool((other) => yieldsTo(connection, other))) return;
      lendToNext(connection, this.#waiting);
    }
  }

  #hasRoom(connection: Connection): boolean {
    const { pipelined, users, broken } = connection;
    return pipelined && users < this.#limits.maxPipelined && !broken && !isSpent(connection, this.#limits);
  }
}
