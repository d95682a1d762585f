import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a file in a folder of its own, reads it and removes the folder: a new tenant's file is a copy of it. */
export async function templateBytes(make: (path: string) => Promise<void>): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'omnitenant-sqlite-'));
  try {
    const path = join(folder, 'template.sqlite');
    await make(path);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
