import { isLoginRefused } from './server-errors.ts';
import { type Login, openWire, type ServerOptions, type Wire } from './wire.ts';

/** A connection that is lent: the session of one login, in which nothing of another scope is left. */
export interface Session {
  readonly wire: Wire;
  readonly login: Login;
}

/** A session as its pool has it. */
export interface Pooled extends Session {
  login: Login;
  /** The scope whose session it is; `undefined` where nothing is left in it. */
  scope: object | undefined;
}

/** The connections of a process to the server. */
export interface Connections {
  connect(login: Login): Promise<Pooled>;
  /** Makes a session a new one of this login. Closes it where that fails. */
  become(session: Pooled, login: Login): Promise<void>;
  /** Makes a session a new one of the same login. Closes it where that fails. */
  renew(session: Pooled): Promise<void>;
  /** The same, by another connection where this one is lost: the server ends those of a tenant that is removed. */
  asLogin(session: Pooled, login: Login): Promise<Pooled>;
  close(session: Pooled): void;
  closeOf(user: string): void;
  /** Those that are open or being opened. */
  readonly size: number;
  readonly isEnded: boolean;
  end(): void;
}

/** `onClosed` is told of each that is gone, also where the server has closed it. */
export function openConnections(server: ServerOptions, onClosed: (session: Pooled) => void): Connections {
  const all = new Set<Pooled>();
  let connecting = 0;
  let isEnded = false;

  function close(session: Pooled): void {
    session.wire.close();
    all.delete(session);
    onClosed(session);
  }

  function lost(wire: Wire): void {
    for (const session of all) if (session.wire === wire) close(session);
  }

  async function connect(login: Login): Promise<Pooled> {
    connecting += 1;
    try {
      const session: Pooled = { wire: await openWire(server, login, lost), login, scope: undefined };
      if (isEnded) session.wire.close();
      else all.add(session);
      return session;
    } finally {
      connecting -= 1;
    }
  }

  function become(session: Pooled, login: Login): Promise<void> {
    // Whoever has the sessions of the former login closed no longer means this one.
    session.login = login;
    return begun(session, session.wire.become(login));
  }

  async function begun(session: Pooled, beginning: Promise<void>): Promise<void> {
    try {
      await beginning;
    } catch (error) {
      close(session);
      throw error;
    }
    session.scope = undefined;
  }

  return {
    connect,
    become,
    renew: (session) => begun(session, session.wire.renew(session.login)),
    close,

    async asLogin(session, login) {
      try {
        await become(session, login);
        return session;
      } catch (error) {
        // Nothing of the caller's was sent, and what another tenant has left in the session is no reason to refuse this one.
        if (isLoginRefused(error)) throw error;
        return connect(login);
      }
    },

    closeOf(user) {
      for (const session of all) if (session.login.user === user) close(session);
    },

    get size() {
      return all.size + connecting;
    },

    get isEnded() {
      return isEnded;
    },

    end() {
      isEnded = true;
      for (const session of all) close(session);
    },
  };
}
