import { isTenancyError, TenancyError } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import type { BeginOptions, RowStream, ScopedDatabase } from '@omnitenant/orm/extend';
import type { Session } from './connections.ts';
import { openTransaction } from './open-transaction.ts';
import { isLoginRefused, withServerErrors } from './server-errors.ts';
import { hasChangedSession, isLeftOpen } from './server-status.ts';
import type { SessionPool } from './session-pool.ts';
import type { Answer, Login } from './wire.ts';

/** One tenant's database, in sessions of the tenant's own user. */
export function tenantDatabase(lend: () => Promise<Session>, giveBack: SessionPool['giveBack']): ScopedDatabase {
  return {
    async execute(sql, parameters) {
      const session = await lend();
      const answer = await answerOf(session, sql, parameters).catch((error: unknown) => {
        giveBack(session, { isSpent: isTenancyError(error) });
        throw error;
      });
      const isSpent = isLeftOpen(answer.status);
      giveBack(session, { isSpent, isChanged: hasChangedSession(answer.status) });
      if (isSpent) throw beganByItself(session.login);
      return answer.result;
    },

    async begin(options) {
      const session = await lend();
      try {
        for (const sql of beginning(options)) await answerOf(session, sql);
        return openTransaction(session, { release: ({ isSpent }) => giveBack(session, { isSpent }) });
      } catch (error) {
        giveBack(session, { isSpent: true });
        throw error;
      }
    },

    stream: (sql, parameters) => rowStream({ lend, giveBack }, sql, parameters),
  };
}

/** One tenant's database in a session that is held for it, such as one that migrations run in: its transactions may commit midway. */
export function heldDatabase(session: Session): ScopedDatabase {
  const held = async () => session;
  return {
    ...tenantDatabase(held, () => {}),
    execute: async (sql, parameters) => (await answerOf(session, sql, parameters)).result,
    async begin(options) {
      for (const sql of beginning(options)) await answerOf(session, sql);
      return openTransaction(session, { release: () => {}, mayCommit: true });
    },
  };
}

/** Lends sessions of a login to the current scope. `whyRefused` tells what is wrong where the server does not let it in. */
export function lender(pool: SessionPool, login: Login, whyRefused: (error: unknown) => Promise<Error>) {
  return async (): Promise<Session> => {
    const scope = currentScope();
    if (scope?.ended) throw scopeIsOver(login);
    try {
      return await pool.lend(login, scope);
    } catch (error) {
      throw isLoginRefused(error) ? await whyRefused(error) : error;
    }
  };
}

async function answerOf({ wire, login }: Session, sql: string, parameters?: readonly unknown[]): Promise<Answer> {
  try {
    return await wire.query(sql, parameters);
  } catch (error) {
    throw withServerErrors(error, login.tenant);
  }
}

function beginning({ readOnly, isolationLevel }: BeginOptions): readonly string[] {
  const level = isolationLevel === undefined ? [] : [`set transaction isolation level ${isolationLevel}`];
  return [...level, `start transaction${readOnly ? ' read only' : ''}`];
}

interface Lending {
  readonly lend: () => Promise<Session>;
  readonly giveBack: SessionPool['giveBack'];
}

function rowStream({ lend, giveBack }: Lending, sql: string, parameters?: readonly unknown[]): RowStream {
  let end: (isSpent: boolean) => void = () => {};
  let isClosed = false;

  async function* read(): AsyncGenerator<unknown, void> {
    const session = await lend();
    let isOver = false;
    end = (isSpent) => {
      if (isOver) return;
      isOver = true;
      giveBack(session, { isSpent });
    };
    try {
      if (isClosed) return end(false);
      yield* session.wire.rows(sql, parameters);
      end(false);
    } catch (error) {
      throw withServerErrors(error, session.login.tenant);
    } finally {
      // What was not read is still on its way.
      end(true);
    }
  }

  return Object.assign(read(), {
    close() {
      isClosed = true;
      end(true);
    },
  });
}

function beganByItself({ tenant }: Login): TenancyError {
  const message =
    `A statement in the scope of tenant "${tenant}" began a transaction by itself, which was rolled back: others would have joined it. ` +
    'Use em.transactional().';
  return new TenancyError('STATEMENT_REFUSED', message, { tenant });
}

function scopeIsOver({ tenant }: Login): TenancyError {
  const message =
    `A statement was sent after its scope of tenant "${tenant}" has ended. Await the work inside the scope, or enter a scope for it with ` +
    'tenancy.run.';
  return new TenancyError('SCOPE_ENDED', message, { tenant });
}
