import {
  CompiledQuery,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type TransactionSettings,
} from 'kysely';
import { DatabaseSession, type ScopedDatabase } from '../session/database-session.ts';

/** What Kysely knows of a kind of database. */
export interface DatabaseKind {
  createAdapter(): DialectAdapter;
  // biome-ignore lint/suspicious/noExplicitAny: Kysely's own type of a database of any tables.
  createIntrospector(kysely: Kysely<any>): DatabaseIntrospector;
  createQueryCompiler(): QueryCompiler;
  /** A name, quoted. */
  quoteName(name: string): string;
}

/** Kysely's dialect for one tenant's database. */
export function databaseDialect(kind: DatabaseKind, database: () => ScopedDatabase): Dialect {
  return {
    createAdapter: () => kind.createAdapter(),
    createDriver: () => databaseDriver(kind, database),
    createIntrospector: (kysely) => kind.createIntrospector(kysely),
    createQueryCompiler: () => kind.createQueryCompiler(),
  };
}

function databaseDriver({ quoteName }: DatabaseKind, database: () => ScopedDatabase): Driver {
  async function savepoint(session: unknown, verb: string, name: string): Promise<void> {
    await (session as DatabaseSession).executeQuery(CompiledQuery.raw(`${verb} ${quoteName(name)}`));
  }

  return {
    init: async () => {},
    acquireConnection: async () => new DatabaseSession(database),
    beginTransaction: (session, { accessMode, isolationLevel }: TransactionSettings) =>
      (session as DatabaseSession).begin({ readOnly: accessMode === 'read only', isolationLevel }),
    commitTransaction: (session) => (session as DatabaseSession).commit(),
    rollbackTransaction: (session) => (session as DatabaseSession).rollback(),
    savepoint: (session, name) => savepoint(session, 'savepoint', name),
    rollbackToSavepoint: (session, name) => savepoint(session, 'rollback to savepoint', name),
    releaseSavepoint: (session, name) => savepoint(session, 'release savepoint', name),
    releaseConnection: async (session) => (session as DatabaseSession).release(),
    destroy: async () => {},
  };
}
