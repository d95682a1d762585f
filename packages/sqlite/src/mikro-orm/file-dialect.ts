import {
  CompiledQuery,
  type Dialect,
  type Driver,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from 'kysely';
import type { TenantFile } from '../handles/tenant-file.ts';
import { FileSession } from './file-session.ts';

/** Kysely's dialect for one tenant's file. */
export function fileDialect(file: () => TenantFile): Dialect {
  return {
    createAdapter: () => new ManyHandles(),
    createDriver: () => fileDriver(file),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** Kysely would let one use a database at a time; a file has a handle for each transaction, and its writers wait in its own line. */
class ManyHandles extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

function fileDriver(file: () => TenantFile): Driver {
  async function savepoint(session: unknown, verb: string, name: string): Promise<void> {
    await (session as FileSession).executeQuery(CompiledQuery.raw(`${verb} "${name.replaceAll('"', '""')}"`));
  }

  return {
    init: async () => {},
    acquireConnection: async () => new FileSession(file),
    beginTransaction: (session, { accessMode }: TransactionSettings) =>
      (session as FileSession).begin(accessMode === 'read only'),
    commitTransaction: async (session) => (session as FileSession).commit(),
    rollbackTransaction: async (session) => (session as FileSession).rollback(),
    savepoint: (session, name) => savepoint(session, 'savepoint', name),
    rollbackToSavepoint: (session, name) => savepoint(session, 'rollback to', name),
    releaseSavepoint: (session, name) => savepoint(session, 'release', name),
    releaseConnection: async (session) => (session as FileSession).release(),
    destroy: async () => {},
  };
}
