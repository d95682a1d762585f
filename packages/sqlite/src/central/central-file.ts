import { TenancyError } from '@omnitenant/core';
import type { NativeDatabase } from '../handles/native.ts';
import { type HandleOptions, openHandle, prepareFile } from '../handles/open-handle.ts';
import { whenFree } from '../handles/when-free.ts';
import { centralTables, centralVersion } from './central-tables.ts';

type Value = string | number | null;

/** What a query of central is sent with. */
export interface CentralSession {
  all<Row extends object>(sql: string, ...values: readonly Value[]): Row[];
  get<Row extends object>(sql: string, ...values: readonly Value[]): Row | undefined;
  /** Returns how many rows it has changed. */
  run(sql: string, ...values: readonly Value[]): number;
}

/** The file of the tenants' records. Several processes of a machine share it. */
export interface CentralFile {
  /** Sends queries that change nothing. */
  read<R>(work: (session: CentralSession) => R): Promise<R>;
  /** Sends what is done as a whole or not at all, while no other process writes. The work is synchronous. */
  write<R>(work: (session: CentralSession) => R): Promise<R>;
  end(): void;
}

export interface CentralFileOptions extends HandleOptions {
  readonly path: string;
  readonly busyTimeoutMs: number;
}

/** Opens central's file on first use, and makes it the first time. */
export function centralFile({ path, busyTimeoutMs, ...options }: CentralFileOptions): CentralFile {
  const patience = { tenant: 'central', busyTimeoutMs };
  let opening: Promise<NativeDatabase> | undefined;
  let database: NativeDatabase | undefined;

  async function open(): Promise<NativeDatabase> {
    await whenFree(() => prepareFile(options, path), patience);
    const opened = openHandle(options, path);
    try {
      await whenFree(() => makeTables(opened), patience);
    } catch (error) {
      opened.close();
      throw error;
    }
    database = opened;
    return opened;
  }

  async function opened(): Promise<NativeDatabase> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  /** It may have been closed while this waited. */
  async function using<R>(work: (on: NativeDatabase) => R): Promise<R> {
    await opened();
    return whenFree(() => {
      if (database === undefined) throw closed();
      return work(database);
    }, patience);
  }

  return {
    read: (work) => using((on) => work(sessionOf(on))),
    write: (work) => using((on) => inTransaction(on, () => work(sessionOf(on)))),

    end() {
      database?.close();
      database = undefined;
      opening = Promise.reject(closed());
      opening.catch(() => {});
    },
  };
}

function sessionOf(database: NativeDatabase): CentralSession {
  return {
    all: <Row extends object>(sql: string, ...values: readonly Value[]) => database.prepare(sql).all(values) as Row[],
    get: <Row extends object>(sql: string, ...values: readonly Value[]) =>
      database.prepare(sql).all(values)[0] as Row | undefined,
    run: (sql, ...values) => database.prepare(sql).run(values).changes,
  };
}

function inTransaction<R>(database: NativeDatabase, work: () => R): R {
  database.exec('begin immediate');
  try {
    const result = work();
    database.exec('commit');
    return result;
  } catch (error) {
    if (database.inTransaction) database.exec('rollback');
    throw error;
  }
}

function makeTables(database: NativeDatabase): void {
  inTransaction(database, () => {
    const [{ user_version: version }] = database.prepare('pragma user_version').all() as [{ user_version: number }];
    if (version === centralVersion) return;
    if (version > centralVersion) throw newerCode();
    database.exec(`${centralTables}; pragma user_version = ${centralVersion}`);
  });
}

function closed(): TenancyError {
  return new TenancyError('STORE_UNAVAILABLE', 'The tenancy is closed.');
}

function newerCode(): TenancyError {
  return new TenancyError(
    'CENTRAL_INCOMPLETE',
    'The file of central was made by a newer version of @omnitenant/sqlite. Use that version, or one that is later.',
  );
}
