import { spawnSync } from 'node:child_process';
import { chmod, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { runAs } from './launch.ts';

interface Binary {
  /** The tree that the binary needs around it. */
  home: string;
  /** Where it is in that tree. */
  path: string;
  /** Where a copy may go. */
  folder: string;
  env?: Record<string, string>;
}

/** The binary where the user who is to run it can reach it: a checkout of root's may be closed to everyone else. */
export async function executable({ home, path, folder, env = {} }: Binary): Promise<{ home: string; file: string }> {
  const file = join(home, path);
  const options = { ...runAs, env: { ...process.env, ...env }, stdio: 'ignore' } as const;
  if (runAs.uid === undefined || spawnSync(file, ['--version'], options).status === 0) return { home, file };
  const copy = join(folder, 'binaries');
  await cp(home, copy, { recursive: true, verbatimSymlinks: true });
  await chmod(copy, 0o755);
  return { home: copy, file: join(copy, path) };
}
