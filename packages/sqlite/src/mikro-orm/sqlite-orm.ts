import type { Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import {
  connectionClassOf,
  type DatabaseKind,
  type DatabaseOrm,
  initDatabaseOrm,
  type RefusedMembers,
  type TenantEntityManager,
} from '@omnitenant/orm/extend';
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { NativeDatabaseClass } from '../handles/native.ts';

/** Initialises the one MikroORM that all tenants' files share. */
export function initSqliteOrm(
  config: Partial<Options>,
  folder: string,
  current: () => TenantEntityManager | undefined,
): Promise<DatabaseOrm> {
  return initDatabaseOrm(config, { check: refuseOtherDrivers, kind: 'a file of SQLite', dbName: folder, current });
}

/** What Kysely knows of a file. */
export const sqliteKind: DatabaseKind = {
  createAdapter: () => new ManyHandles(),
  createIntrospector: (kysely) => new SqliteIntrospector(kysely),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  quoteName: (name) => `"${name.replaceAll('"', '""')}"`,
};

/** Members of MikroORM's connection that go past the look at what a statement opens. */
export const sqliteRefused: RefusedMembers = {
  getNativeClient: 'Use em.execute() or em.getKysely().',
  executeDump: 'Send the statements one by one, or import an archive.',
  callRoutine: 'SQLite has no routines; call the function itself.',
};

/** The class of the databases of the configured driver, as MikroORM itself opens them. */
export async function nativeClassOf(orm: DatabaseOrm): Promise<NativeDatabaseClass> {
  const Connection = connectionClassOf(orm);
  // better-sqlite3's reads the one name, and libsql's the other.
  const driverOptions = { dbName: ':memory:', url: ':memory:' };
  const connection = new Connection(orm.config, { driverOptions } as never, 'write') as unknown as NativeConnection;
  try {
    connection.createKysely();
    return (await connection.getNativeClient()).constructor as NativeDatabaseClass;
  } finally {
    await connection.close(true);
  }
}

interface NativeConnection {
  createKysely(): void;
  getNativeClient(): Promise<object>;
  close(force: boolean): Promise<void>;
}

/** Kysely would let one use a database at a time; a file has a handle for each transaction, and its writers wait in its own line. */
class ManyHandles extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** @throws CONFIG_INVALID for a configuration of another database, whose errors would come later. */
function refuseOtherDrivers({ driver, config }: DatabaseOrm): void {
  if (config.get('attachDatabases', []).length > 0) {
    const message = 'The MikroORM configuration attaches databases, and a tenant has one file. Remove attachDatabases.';
    throw new TenancyError('CONFIG_INVALID', message);
  }
  // The names of classes do not survive a minifier.
  if (driver.getDependencies().some((name) => name === 'better-sqlite3' || name === 'libsql')) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `createSqlite needs the driver of @mikro-orm/sqlite or @mikro-orm/libsql, and the MikroORM configuration has another, "${driver.constructor.name}". ` +
      'Pass it what defineConfig of one of these packages returns.',
  );
}
