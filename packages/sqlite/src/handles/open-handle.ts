import { chmodSync } from 'node:fs';
import type { NativeDatabase, NativeDatabaseClass } from './native.ts';

/** When what was committed is on the disk: `full` before the commit is answered, `normal` a moment later. */
export type Synchronous = 'normal' | 'full';

export interface HandleOptions {
  readonly Native: NativeDatabaseClass;
  readonly synchronous: Synchronous;
  /** Names of the library's functions that statements must not use. */
  readonly unknown: RegExp | undefined;
}

/** Opens a database. A lock that another process holds is waited for by the caller, who can do something else meanwhile. */
export function openHandle(
  { Native, synchronous }: Pick<HandleOptions, 'Native' | 'synchronous'>,
  path: string,
): NativeDatabase {
  const database = new Native(path, { timeout: 0 });
  try {
    database.exec(
      `pragma busy_timeout = 0; pragma foreign_keys = on; pragma synchronous = ${synchronous}; pragma trusted_schema = off`,
    );
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Makes a file one that readers and a writer use at the same time, and that its owner alone can read. It makes one that is not there. */
export function prepareFile(options: HandleOptions, path: string): void {
  const database = openHandle(options, path);
  try {
    database.prepare('pragma journal_mode = wal').all();
  } finally {
    database.close();
  }
  chmodSync(path, 0o600);
}
