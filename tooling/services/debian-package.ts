import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'omnitenant');

/** The folder that holds the package's files and those of what it needs and the machine lacks. Installs nothing. */
export async function debianPackage(name: string): Promise<string> {
  const home = join(cache, name);
  const present = await access(home).then(
    () => true,
    () => false,
  );
  if (!present) await unpack(name, home);
  return home;
}

async function unpack(name: string, home: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, `${name}-`));
  try {
    const packages = await withDependencies(name);
    const files = join(work, 'files');
    await mkdir(files);
    await run('apt-get', ['download', '-qq', ...packages], { cwd: files });
    for (const file of await readdir(files)) await run('dpkg', ['-x', join(files, file), join(work, 'root')]);
    // Another process may have been as quick: its copy is as good.
    await rename(join(work, 'root'), home).catch(() => access(home));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function withDependencies(name: string): Promise<string[]> {
  const options = ['--print-uris', '--no-install-recommends', '-y', '-qq'];
  const list = () => run('apt-get', ['install', ...options, name]);
  const missing = await list().catch(async (error: unknown) => {
    if (process.getuid?.() !== 0) throw error;
    await run('apt-get', ['update', '-qq']);
    return list();
  });
  // What it names itself comes too, installed or not: Debian's redis-server is a link to a file of redis-tools.
  const direct = await run('apt-cache', ['depends', '--important', name]);
  return [
    ...new Set([
      name,
      ...missing.stdout.split('\n').flatMap((line) => /^'[^']+' ([^_\s]+)_/.exec(line)?.[1] ?? []),
      ...direct.stdout.split('\n').flatMap((line) => /^ *Depends: (?!libc6$)([\w.+-]+)$/.exec(line)?.[1] ?? []),
    ]),
  ];
}
