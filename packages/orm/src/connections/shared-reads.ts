import type { Connection, DatabasePool } from './database-pool.ts';
import { lendToNext } from './lend.ts';
import { isSpent, type Limits } from './limits.ts';
import type { Rotation } from './rotation.ts';
import type { WaitQueue } from './wait-queue.ts';

/** Sends several plain reads over one connection at once, up to `maxPipelined`. */
export class SharedReads {
  readonly #limits: Limits;
  readonly #waiting: WaitQueue;
  readonly #rotation: Rotation;

  constructor(limits: Limits, waiting: WaitQueue, rotation: Rotation) {
    this.#limits = limits;
    this.#waiting = waiting;
    this.#rotation = rotation;
  }

  /** A connection that can take another plain read. There is none while a request waits whose turn it is. */
  withRoom({ pipelined, waiting }: DatabasePool): Connection | undefined {
    if (waiting.size > 0) return undefined;
    return pipelined.find((connection) => this.#hasRoom(connection) && !this.#isWanted(connection));
  }

  /** Lends the connection to the plain reads that wait, up to the first other request whose turn it is. */
  fill(connection: Connection): void {
    const { waiting } = connection.pool;
    while (waiting.peek()?.pipelined && this.#hasRoom(connection)) {
      if (this.#isWanted(connection)) return;
      lendToNext(connection, this.#waiting);
    }
  }

  /** Whether another database is to have it once its reads are answered. */
  #isWanted(connection: Connection): boolean {
    return (
      this.#waiting.size > 0 &&
      this.#waiting.nextPool((other) => this.#rotation.yieldsTo(connection, other)) !== undefined
    );
  }

  #hasRoom(connection: Connection): boolean {
    const { pipelined, users, broken } = connection;
    return pipelined && users < this.#limits.maxPipelined && !broken && !isSpent(connection, this.#limits);
  }
}
