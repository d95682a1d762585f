import { mkdtemp, readFile, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The free memory that is asked for, in bytes. A run takes a small part of it. */
const enough = 6 * 2 ** 30;

/**
 * A folder for a server that is gone with its run. It is in memory where there is room: the tests make and drop thousands of
 * databases, each of hundreds of files, which takes a disk's file system longer than PostgreSQL itself.
 */
export async function serverFolder(name: string, isRoot: boolean): Promise<string> {
  // Nobody has to reach the folder, which root's own temporary folder may prevent.
  const onDisk = isRoot ? '/tmp' : tmpdir();
  const parent = (await isRoomy('/dev/shm')) ? '/dev/shm' : onDisk;
  return mkdtemp(join(parent, `omnitenant-${name}-`));
}

/** Whether it is memory that has room for a server and may run programs. */
async function isRoomy(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    const mounts = await readFile('/proc/mounts', 'utf8');
    const mount = mounts.split('\n').findLast((line) => line.split(' ')[1] === folder);
    return bavail * bsize >= enough && mount !== undefined && !mount.includes('noexec');
  } catch {
    return false;
  }
}
