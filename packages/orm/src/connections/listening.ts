import { randomUUID } from 'node:crypto';
import { isTenancyError, type Nudge, TenancyError } from '@omnitenant/core';
import { changeChannel } from '../central/tenant-changes.ts';
import { type BaseOrm, serverOf } from '../mikro-orm/base-orm.ts';
import type { SqlConnection } from '../sql/client.ts';
import type { DatabaseOpener } from './database-pool.ts';
import { databaseOpener } from './pg.ts';

/** How nudges from PostgreSQL are heard. */
export interface NudgeOptions {
  /** The URL of central's database past a pooler, which lends no session to listen in. Default: as in the MikroORM configuration. */
  readonly url?: string | undefined;
}

/** What nudges are heard with. */
export interface NudgeParts {
  readonly orm: BaseOrm;
  /** Central's database. */
  readonly database: string;
  readonly driverOptions?: object | undefined;
  /** Sends SQL to central, as what changes tenants does. */
  readonly inCentral: (sql: string) => Promise<unknown>;
}

/** Makes nudges of PostgreSQL's notifications. The transactions of changes send them. */
export function createNudge({ orm, database, driverOptions = {}, inCentral }: NudgeParts) {
  return ({ url }: NudgeOptions = {}): Nudge => {
    if (url !== undefined && !(URL.canParse(url) && /^postgres(ql)?:/.test(url))) {
      throw new TenancyError(
        'CONFIG_INVALID',
        'The url of orm.nudge() is no URL of PostgreSQL: postgresql://user:password@host/database.',
      );
    }
    return {
      listen(look, onError) {
        // PGlite is in this process, and in no other.
        if (serverOf(orm).isEmbedded) return () => {};
        const direct = url && (async () => url);
        const opener = databaseOpener(orm, driverOptions, { dbName: database }, direct || undefined);
        const probe = (token: string) => inCentral(`select pg_notify('${changeChannel}', '${token}')`);
        return listenForChanges({ opener, look, onError, probe: url === undefined ? undefined : probe });
      },
    };
  };
}

/** What listens for nudges from PostgreSQL. */
interface Listening {
  readonly opener: Pick<DatabaseOpener, 'open' | 'close'>;
  /** Called for each nudge, and whenever some may have been missed. */
  readonly look: () => void;
  /** Called once while nothing can be heard. */
  readonly onError: (error: unknown) => void;
  /** Sends a nudge with a text from central, where the connection may lead elsewhere. */
  readonly probe: ((token: string) => Promise<unknown>) | undefined;
}

const firstPauseMs = 100;
const longestPauseMs = 5_000;
/** How long a nudge may take to arrive. */
const arrivalMs = 5_000;

/**
 * Listens for changes over a connection of its own, and opens another where that is lost. The connection keeps no process alive.
 * Returns what closes it.
 */
function listenForChanges({ opener, look, onError, probe }: Listening): () => Promise<void> {
  let listener: SqlConnection | undefined;
  let pauseMs = firstPauseMs;
  let timer: NodeJS.Timeout | undefined;
  let isReported = false;
  const end = new AbortController();
  const { signal: ended } = end;

  async function open(): Promise<void> {
    const { client: opened, isDirect } = await opener.open();
    const client = opened as Listener;
    try {
      if (ended.aborted) throw new Error('Nobody listens any more.');
      client.unref();
      client.on('notification', look);
      client.on('end', () => {
        if (listener === client) again();
      });
      if (!isDirect) throw pooled();
      await query(client, `listen ${changeChannel}`);
      if (probe && !(await arrives(client, probe, ended))) throw elsewhere();
    } catch (error) {
      await opener.close(client);
      throw error;
    }
    listener = client;
    pauseMs = firstPauseMs;
    isReported = false;
    // What has changed while nobody listened.
    look();
  }

  function again(): void {
    listener = undefined;
    if (ended.aborted) return;
    timer = setTimeout(start, pauseMs).unref();
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }

  function start(): void {
    opening = open().catch((error) => {
      if (ended.aborted) return;
      if (!isReported) onError(error);
      isReported = true;
      // A pooler stays one.
      if (!isTenancyError(error, 'CONFIG_INVALID')) again();
    });
  }

  let opening: Promise<void> | undefined;
  start();
  return async () => {
    end.abort();
    clearTimeout(timer);
    await opening;
    if (listener !== undefined) await opener.close(listener);
  };
}

/** The members of `pg`'s client that listen. */
interface Listener extends SqlConnection {
  on(event: 'end' | 'notification', listener: (message: { readonly payload?: string }) => void): unknown;
  unref(): void;
}

/** Whether a nudge from central arrives. Where central cannot be asked, or nobody waits for it any more, that is not known. */
async function arrives(client: Listener, probe: NonNullable<Listening['probe']>, ended: AbortSignal): Promise<boolean> {
  const token = randomUUID();
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const known = () => resolve(true);
  let timer: NodeJS.Timeout | undefined;
  client.on('notification', ({ payload }) => {
    if (payload === token) known();
  });
  client.on('end', () => reject(new Error('The connection was lost.')));
  ended.addEventListener('abort', known);
  probe(token).then(() => {
    timer = setTimeout(() => resolve(false), arrivalMs).unref();
  }, known);
  return promise.finally(() => clearTimeout(timer));
}

/** The notifications of a database stay in it. */
function elsewhere(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'orm.nudge({ url }) receives nothing, because its url is of another database than that of the tenants; changes of other processes ' +
      'are seen within 1.5 seconds. Give it the URL of that database, past any pooler.',
  );
}

/** A pooler lends another session for the next statement, and would give this one, which listens, to somebody else. */
function pooled(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'orm.nudge() hears nothing, because a pooler is between this process and PostgreSQL; changes of other processes are seen within 1.5 ' +
      'seconds. Give it the URL of PostgreSQL itself: orm.nudge({ url }).',
  );
}

function query(client: SqlConnection, sql: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.query(sql, undefined, (error) => (error ? reject(error) : resolve()));
  return promise;
}
