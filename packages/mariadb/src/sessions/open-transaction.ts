import { TenancyError } from '@omnitenant/core';
import type { ScopedTransaction } from '@omnitenant/orm/extend';
import type { Session } from './connections.ts';
import { withServerErrors } from './server-errors.ts';
import { isLeftOpen, serverStatus } from './server-status.ts';

export interface OpenTransactionOptions {
  /** Called once, when it is over; the session is spent where nobody knows what is left in it. */
  readonly release: (how: { readonly isSpent: boolean }) => void;
  /** Whether it goes on after a statement that commits, as migrations have to. Default: false. */
  readonly mayCommit?: boolean | undefined;
}

/** The transaction that was begun in a session. */
export function openTransaction(
  { wire, login: { tenant } }: Session,
  { release, mayCommit = false }: OpenTransactionOptions,
): ScopedTransaction {
  let isOver = false;
  let isCommitted = false;
  let running = 0;

  function requireOpen(): void {
    if (isOver || (isCommitted && !mayCommit)) throw ended(tenant);
  }

  function end(isSpent: boolean): void {
    if (isOver) return;
    isOver = true;
    release({ isSpent });
  }

  async function run<R>(work: () => Promise<R>): Promise<R> {
    running += 1;
    try {
      return await work();
    } catch (error) {
      await lookAgain();
      throw withServerErrors(error, tenant);
    } finally {
      running -= 1;
    }
  }

  /** An error may have rolled back the statement or, as a deadlock does, all of the transaction. */
  async function lookAgain(): Promise<void> {
    const answer = await wire.query('select @@in_transaction as is_open').catch(() => undefined);
    const [row] = (answer?.result.rows ?? []) as { is_open: number }[];
    if (row?.is_open !== 1) isCommitted = true;
  }

  return {
    execute: async (sql, parameters) => {
      requireOpen();
      const { result, status } = await run(() => wire.query(sql, parameters));
      if (status !== undefined && (status & serverStatus.inTransaction) === 0) isCommitted = true;
      return result;
    },

    async *iterate(sql, parameters) {
      requireOpen();
      let isRead = false;
      try {
        yield* wire.rows(sql, parameters);
        isRead = true;
      } finally {
        // What was not read is still on its way.
        if (!isRead) end(true);
      }
    },

    async commit() {
      requireOpen();
      const { status } = await run(() => wire.query('commit'));
      end(isLeftOpen(status));
    },

    async rollback() {
      if (isOver) return;
      // A statement that still runs would be waited for.
      const answer = running > 0 ? undefined : await wire.query('rollback').catch(() => undefined);
      end(answer === undefined || isLeftOpen(answer.status));
    },
  };
}

function ended(tenant: string): TenancyError {
  const message =
    `The transaction of tenant "${tenant}" is over: by an error that rolled it back, by a statement of its own, or because MariaDB commits ` +
    'before and after create, alter and drop. What follows would run without it. Begin another one.';
  return new TenancyError('STATEMENT_REFUSED', message, { tenant });
}
