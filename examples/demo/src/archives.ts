import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdminArchives } from '@omnitenant/admin';

/** Archives in a folder that goes with the demo. */
export interface DemoArchives extends AdminArchives {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Makes the folder, which only its user may read. An application keeps archives where its backups are. */
export async function openArchives(): Promise<DemoArchives> {
  const folder = await mkdtemp(join(tmpdir(), 'omnitenant-demo-'));
  return {
    folder,
    write: (name, archive) => writeFile(join(folder, name), archive, { flag: 'wx', mode: 0o600 }),
    read: (name) => createReadStream(join(folder, name)),
    remove: () => rm(folder, { recursive: true }),
  };
}
