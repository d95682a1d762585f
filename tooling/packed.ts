// Checks the packages as they are published: packs each, has publint and attw read the archives, and imports every entry
// point of what was packed without the condition that leads to its sources.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { linkDependencies } from './dependencies.ts';
import { entryPoints, type Package, packages, root } from './packages.ts';

const run = promisify(execFile);
function bin(name: string) {
  return join(root, 'node_modules', '.bin', name);
}
const work = mkdtempSync(join(tmpdir(), 'omnitenant-packed-'));

try {
  const failures: string[] = [];
  const checking = packages().map((one) => check(one).catch((error) => failures.push(report(one, error))));
  await Promise.all(checking);
  if (failures.length === 0) await importAll().catch((error) => failures.push(report(undefined, error)));
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length > 0 ? 1 : 0;
} finally {
  rmSync(work, { recursive: true });
}

async function check({ folder, path, manifest }: Package): Promise<void> {
  const target = join(work, 'archives', folder);
  mkdirSync(target, { recursive: true });
  await run('pnpm', ['pack', '--pack-destination', target], { cwd: path });
  const [archive = ''] = readdirSync(target).map((name) => join(target, name));
  const unpacked = join(work, 'node_modules', manifest.name);
  mkdirSync(unpacked, { recursive: true });
  await run('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1']);
  const stray = readdirSync(unpacked, { recursive: true }).filter((name) =>
    /\.test\.|\.tsbuildinfo$/.test(String(name)),
  );
  if (stray.length > 0) throw new Error(`packed although only for the repository: ${stray.join(', ')}`);
  const missing = ['LICENSE', 'README.md'].filter((name) => !existsSync(join(unpacked, name)));
  if (missing.length > 0) throw new Error(`packed without ${missing.join(' and ')}`);
  await run(bin('publint'), ['run', archive, '--strict']);
  await run(bin('attw'), [archive, '--profile', 'esm-only', '--no-color']);
  console.log(`${manifest.name}: packs, lints and has its types`);
}

async function importAll(): Promise<void> {
  linkDependencies(join(work, 'node_modules'), (name) => name.startsWith('@omnitenant/'));
  const names = packages().flatMap(entryPoints);
  const lines = names.map(
    ({ name }) => `if (Object.keys(await import('${name}')).length === 0) throw new Error('${name} is empty');`,
  );
  writeFileSync(join(work, 'import-all.mjs'), lines.join('\n'));
  await run(process.execPath, ['import-all.mjs'], { cwd: work });
  console.log(`${names.length} entry points are importable on Node ${process.versions.node}`);
}

function report(one: Package | undefined, error: { message: string; stdout?: string; stderr?: string }): string {
  return [one?.manifest.name ?? 'importing', error.message, error.stdout, error.stderr].filter(Boolean).join('\n');
}
