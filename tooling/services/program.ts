import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { debianPackage } from './debian-package.ts';
import { executable } from './executable.ts';

interface Wanted {
  /** The program. */
  name: string;
  /** Its Debian package. Default: named as the program. */
  package?: string;
  /** What to do where it cannot be had. */
  hint: string;
  /** A folder that may take a copy. */
  folder: string;
  /** Where to look first. */
  path?: readonly string[] | undefined;
}

/** A server program: one that the machine has, else out of its Debian package, which is unpacked but not installed. */
export async function program({ name, package: debian = name, hint, folder, path }: Wanted) {
  const found: Found = await find(name, debian, path).catch((cause: unknown) => {
    throw new Error(`No ${name}: it is not on the PATH, and could not be had as a Debian package. ${hint}`, { cause });
  });
  if (found.home === undefined) return { file: found.path, env: {} };
  const { home, file } = await executable({ home: found.home, path: found.path, folder, env: libraries(found.home) });
  return { file, env: libraries(home) };
}

/** Whether the program can be had on this machine. In CI it has to be: there the tests that need it are never skipped. */
export async function obtainable(name: 'pgbouncer' | 'redis-server'): Promise<boolean> {
  return process.env.CI ? true : isPresent(name);
}

/** Whether the program can be had, in CI as elsewhere. */
export function isPresent(name: string, debian: string = name): Promise<boolean> {
  return find(name, debian).then(
    () => true,
    () => false,
  );
}

const onThisMachine = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

interface Found {
  /** The tree that the program needs around it; none for one that the machine has. */
  home?: string;
  path: string;
}

async function find(name: string, debian: string, path: readonly string[] = onThisMachine): Promise<Found> {
  for (const place of path.filter(Boolean)) {
    if (await runs(join(place, name))) return { path: join(place, name) };
  }
  const home = await debianPackage(debian);
  for (const place of ['usr/bin', 'usr/sbin']) {
    if (await runs(join(home, place, name))) return { home, path: join(place, name) };
  }
  throw new Error(`The Debian package ${debian} holds no program ${name}.`);
}

function libraries(home: string): Record<string, string> {
  const triplet = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string] ?? process.arch;
  return { LD_LIBRARY_PATH: ['usr/lib', 'lib'].map((place) => join(home, place, triplet)).join(':') };
}

function runs(file: string) {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
