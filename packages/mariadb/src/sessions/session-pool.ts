import { TenancyError } from '@omnitenant/core';
import { openConnections, type Pooled, type Session } from './connections.ts';
import { idleSessions } from './idle-sessions.ts';
import { withServerErrors } from './server-errors.ts';
import { createTurns } from './turns.ts';
import type { Login, ServerOptions } from './wire.ts';

/** The connections to the server that this process has for its tenants. */
export interface SessionPool {
  /**
   * A session of the login for a scope: one that the scope has used before, or one in which nothing is left.
   *
   * @throws CONNECTIONS_EXHAUSTED or SHARE_EXHAUSTED after the wait; SERVER_UNAVAILABLE.
   */
  lend(login: Login, scope: object | undefined): Promise<Session>;
  /** Keeps the session for its scope, which has not ended; otherwise it begins anew, or is closed where `isSpent`. */
  giveBack(session: Session, how?: { readonly isSpent?: boolean; readonly isChanged?: boolean }): void;
  /** Has what the scope has left in its sessions forgotten: locks, temporary tables, variables. */
  scopeEnded(scope: object): void;
  /** Closes the sessions of a user, also those in use. */
  closeOf(user: string): void;
  stats(): PoolStats;
  end(): void;
}

/** The connections of a process. */
export interface PoolStats {
  readonly open: number;
  readonly inUse: number;
  readonly waiting: number;
}

export interface SessionPoolOptions {
  readonly server: ServerOptions;
  readonly max: number;
  readonly perTenant: number;
  readonly waitMs: number;
  readonly idleMs: number;
}

export function sessionPool({ server, idleMs, ...limits }: SessionPoolOptions): SessionPool {
  const turns = createTurns(limits);
  const connections = openConnections(server, (session) => idle.delete(session));
  const idle = idleSessions<Pooled>(idleMs, connections.close);
  const renewing = new Set<Promise<void>>();

  /** Whoever takes a session has a turn, so that no more are in use than there may be. */
  async function fresh(login: Login): Promise<Pooled> {
    for (;;) {
      const own = idle.take((session) => session.login.user === login.user && session.scope === undefined);
      if (own) return own;
      const canConnect = connections.size < limits.max;
      const other = idle.take(({ scope }) => scope === undefined || !canConnect);
      if (other) return connections.asLogin(other, login);
      if (canConnect || renewing.size === 0) return connections.connect(login);
      await Promise.race(renewing);
    }
  }

  async function take(login: Login, scope: object | undefined): Promise<Session> {
    const isOwn = (session: Pooled) => session.scope === scope && session.login.user === login.user;
    const session = (scope && idle.take(isOwn)) ?? (await fresh(login));
    if (connections.isEnded) throw closed(login);
    session.scope = scope;
    return session;
  }

  /** Begins the session anew, as the same login. */
  function renew(session: Pooled): Promise<void> {
    const renewed = connections
      .renew(session)
      .then(
        () => keep(session),
        () => {},
      )
      .finally(() => renewing.delete(renewed));
    renewing.add(renewed);
    return renewed;
  }

  function keep(session: Pooled): void {
    if (connections.isEnded || session.wire.isClosed) connections.close(session);
    else idle.keep(session);
  }

  return {
    async lend(login, scope) {
      if (connections.isEnded) throw closed(login);
      await turns.take(login);
      try {
        return await take(login, scope);
      } catch (error) {
        turns.leave(login);
        throw withServerErrors(error, login.tenant);
      }
    },

    giveBack(lent, { isSpent = false, isChanged = false } = {}) {
      const session = lent as Pooled;
      const { login, scope } = session;
      const isLeft = isChanged || scope === undefined || isOver(scope);
      if (isSpent) connections.close(session);
      else if (!isLeft || session.wire.isClosed) keep(session);
      else return void renew(session).finally(() => turns.leave(login));
      turns.leave(login);
    },

    scopeEnded(scope) {
      for (;;) {
        const session = idle.take((each) => each.scope === scope);
        if (session === undefined) return;
        void renew(session);
      }
    },

    closeOf: connections.closeOf,
    stats: () => ({ open: connections.size, inUse: turns.taken, waiting: turns.waiting }),

    end() {
      connections.end();
      idle.end();
      turns.end(closed);
    },
  };
}

function isOver(scope: object): boolean {
  return (scope as { readonly ended?: boolean }).ended === true;
}

function closed({ tenant }: Login): TenancyError {
  return new TenancyError('SERVER_UNAVAILABLE', 'The connections to MariaDB are closed, as its tenancy is.', {
    tenant,
  });
}
