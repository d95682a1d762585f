import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchivePart } from '@omnitenant/core/extend';
import type { NativeDatabase } from '../handles/native.ts';

/** The name of the one part that a file is. */
export const filePart = 'database.sqlite';

/**
 * A tenant's file as a part of its archive, as it is at one moment. SQLite's online backup copies it from a handle that holds a snapshot:
 * what others write meanwhile is not in the copy, and does not make it begin again.
 */
export async function* exportFile(open: () => NativeDatabase): AsyncGenerator<ArchivePart> {
  const folder = await mkdtemp(join(tmpdir(), 'omnitenant-sqlite-'));
  try {
    const copy = join(folder, filePart);
    await copyOf(open, copy);
    yield { name: filePart, bytes: createReadStream(copy) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copyOf(open: () => NativeDatabase, copy: string): Promise<void> {
  const database = open();
  try {
    if (database.backup === undefined || !(await backUp(database, copy))) {
      database.prepare('vacuum into ?').run([copy]);
    }
  } finally {
    database.close();
  }
}

/** Returns false where the driver has no online backup. */
async function backUp(database: NativeDatabase, copy: string): Promise<boolean> {
  database.exec('begin');
  database.prepare('select count(*) from sqlite_schema').all();
  try {
    await database.backup?.(copy);
    return true;
  } catch (error) {
    if (/not implemented/i.test((error as Error).message)) return false;
    throw error;
  } finally {
    database.exec('rollback');
  }
}
