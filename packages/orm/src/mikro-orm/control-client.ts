import { currentScope } from '@omnitenant/core/extend';
import type { PinnedPool } from '../session/pinned-pool.ts';
import { doom } from '../session/scope-work.ts';
import type { SqlClient } from '../sql/client.ts';

/**
 * What Kysely makes a client of to cancel a statement. It is another connection of the same pool: the one that the statement runs
 * on answers nothing else meanwhile.
 */
export function controlClientClass(pool: PinnedPool): new () => ControlClient {
  return class {
    #client: SqlClient | undefined;

    async connect(): Promise<this> {
      this.#client = await (pool.connectUnpinned ?? pool.connect)();
      return this;
    }

    async query(sql: string): Promise<unknown> {
      const [, ended] = /^select pg_terminate_backend\((\d+)\)$/.exec(sql) ?? [];
      if (ended !== undefined) doom(currentScope(), Number(ended));
      return this.#client?.query(sql);
    }

    end(): void {
      this.#client?.release();
    }
  };
}

/** The members of `pg`'s client that Kysely uses to cancel a statement. */
interface ControlClient {
  connect(): Promise<unknown>;
  query(sql: string): Promise<unknown>;
  end(): void;
}
