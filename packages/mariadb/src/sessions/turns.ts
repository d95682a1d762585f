import { TenancyError } from '@omnitenant/core';
import type { Login } from './wire.ts';

/** Who may have a connection: so many at a time, and so many of them one tenant's. */
export interface Turns {
  /** @throws CONNECTIONS_EXHAUSTED or SHARE_EXHAUSTED after the wait. */
  take(login: Login): Promise<void>;
  leave(login: Login): void;
  readonly taken: number;
  readonly waiting: number;
  /** Refuses whoever waits. */
  end(error: (login: Login) => Error): void;
}

export interface TurnLimits {
  readonly max: number;
  readonly perTenant: number;
  readonly waitMs: number;
}

interface Waiter {
  readonly login: Login;
  settle(error?: Error): void;
}

/** Lets those who wait through in the order in which they came, past those whose tenant has its share. */
export function createTurns({ max, perTenant, waitMs }: TurnLimits): Turns {
  const ofUser = new Map<string, number>();
  const waiters: Waiter[] = [];
  let taken = 0;

  const used = ({ user }: Login) => ofUser.get(user) ?? 0;
  const mayTake = (login: Login) => taken < max && used(login) < perTenant;

  function count(login: Login, by: 1 | -1): void {
    taken += by;
    const now = used(login) + by;
    if (now === 0) ofUser.delete(login.user);
    else ofUser.set(login.user, now);
  }

  function exhausted(login: Login): TenancyError {
    const isShare = taken < max;
    const what = isShare
      ? `Tenant "${login.tenant}" uses its share of the connections, ${perTenant}`
      : `All ${max} connections to MariaDB are in use`;
    const message =
      `${what}, and tenant "${login.tenant}" has waited for ${waitMs} ms. Try again. If it persists, look for open transactions and slow ` +
      'statements, or raise `connections` of createMariadb.';
    return new TenancyError(isShare ? 'SHARE_EXHAUSTED' : 'CONNECTIONS_EXHAUSTED', message, { tenant: login.tenant });
  }

  function wait(login: Login): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiter.settle(exhausted(login)), waitMs);
      const waiter: Waiter = {
        login,
        settle(error) {
          clearTimeout(timer);
          waiters.splice(waiters.indexOf(waiter), 1);
          if (error) reject(error);
          else resolve();
        },
      };
      waiters.push(waiter);
    });
  }

  return {
    async take(login) {
      if (mayTake(login)) count(login, 1);
      else await wait(login);
    },

    leave(login) {
      count(login, -1);
      const next = waiters.find((waiter) => mayTake(waiter.login));
      if (next === undefined) return;
      count(next.login, 1);
      next.settle();
    },

    get taken() {
      return taken;
    },

    get waiting() {
      return waiters.length;
    },

    end(error) {
      for (const waiter of [...waiters]) waiter.settle(error(waiter.login));
    },
  };
}
