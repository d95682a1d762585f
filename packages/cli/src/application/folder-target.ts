import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BackupTarget } from './backup-target.ts';
import { removeAbandoned, writeWhole } from './write-whole.ts';

/** A folder that only its owner reads. It is made by the first write. */
export function folderTarget(folder: string): BackupTarget {
  return {
    async write(name, bytes) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      // First, as what a killed process has left may be what the disk is full of.
      await removeAbandoned(dirname(path));
      await writeWhole(path, bytes);
    },
    async read(name) {
      const path = join(folder, name);
      return existsSync(path) ? createReadStream(path) : undefined;
    },
    async *list(prefix) {
      const found = existsSync(folder) ? await readdir(folder, { recursive: true, withFileTypes: true }) : [];
      for (const entry of found) {
        const name = join(entry.parentPath, entry.name).slice(join(folder, '/').length).replaceAll('\\', '/');
        if (entry.isFile() && name.startsWith(prefix) && !name.endsWith('.partial')) yield name;
      }
    },
    async delete(name) {
      await rm(join(folder, name), { force: true });
    },
  };
}
