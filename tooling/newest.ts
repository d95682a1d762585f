// Tests what relies on MikroORM and on Nest on their newest versions: a copy of the checkout, with the pinned versions replaced. MikroORM is pinned to the
// oldest version that is supported, so that all tests run on that one. `node tooling/newest.ts 7.2.3` tests a version of MikroORM that is named.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './packages.ts';

const run = promisify(execFile);
const workspace = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
const pinned = new Map(
  [...workspace.matchAll(/^ {2}"(@[\w/-]+)": (\d[\w.-]*)$/gm)].map(([, name = '', at = '']) => [name, at]),
);

// Not all of its tests: what reads its metadata and internals, sends its statements, and writes its migrations.
await testMikroOrm([
  ...['entities', 'migrations', 'mikro-orm'].map((folder) => `packages/orm/src/${folder}`),
  ...[
    'authoring',
    'central-migrations',
    'config',
    'entities',
    'habits',
    'isolation',
    'mikro-orm-internals',
    'pipelined-reads',
  ].map((name) => `packages/orm/test/${name}.test.ts`),
]);
await testNest(['packages/nestjs/test', 'examples/nestjs-realworld']);

/** Its packages go by one version and ask each other for just that one, so the newest is the one in which all of them are there. */
async function testMikroOrm(tests: readonly string[]): Promise<void> {
  // @mikro-orm/nestjs has versions of its own.
  const names = [...pinned.keys()].filter((name) => name.startsWith('@mikro-orm/') && name !== '@mikro-orm/nestjs');
  const oldest = pinned.get('@mikro-orm/core') ?? '';
  const [, , named] = process.argv;
  const version = named ?? (await newestOfAll(names, oldest));
  if (version === oldest && named === undefined) {
    return console.log(`The newest MikroORM of which all packages are there is ${oldest}, which the tests run on.`);
  }
  await testOn(`MikroORM ${version}`, new Map(names.map((name) => [name, version])), tests);
}

async function testNest(tests: readonly string[]): Promise<void> {
  const names = [...pinned.keys()].filter((name) => name.startsWith('@nestjs/'));
  const newest = await Promise.all(
    names.map(async (name) => [name, (await view<string>(name, 'version')) ?? ''] as const),
  );
  if (newest.every(([name, version]) => pinned.get(name) === version)) return;
  await testOn('the newest NestJS', new Map(newest), tests);
}

async function newestOfAll(names: readonly string[], oldest: string): Promise<string> {
  const [first = [], ...others] = await Promise.all(names.map((name) => view<string[]>(name, 'versions')));
  return first
    .filter((each) => /^7\.\d+\.\d+$/.test(each) && others.every((other) => other.includes(each)))
    .reduce((one, other) => (other.localeCompare(one, 'en', { numeric: true }) > 0 ? other : one), oldest);
}

async function view<Value>(name: string, field: string): Promise<Value> {
  const { stdout } = await run('npm', ['view', name, field, '--json'], { cwd: tmpdir() });
  return JSON.parse(stdout);
}

async function testOn(what: string, versions: ReadonlyMap<string, string>, tests: readonly string[]): Promise<void> {
  const copy = mkdtempSync(join(tmpdir(), 'omnitenant-newest-'));
  try {
    const { stdout } = await run('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 2 ** 26 });
    for (const file of stdout.split('\0').filter(Boolean)) cpSync(join(root, file), join(copy, file));
    let changed = workspace;
    for (const [name, version] of versions) {
      changed = changed.replace(`"${name}": ${pinned.get(name)}\n`, `"${name}": ${version}\n`);
    }
    writeFileSync(join(copy, 'pnpm-workspace.yaml'), changed);
    await pnpm(copy, 'install', '--no-frozen-lockfile', '--prefer-offline');
    await pnpm(copy, 'exec', 'vitest', 'run', ...tests, '--exclude=**/diff.test.ts');
    console.log(`It holds on ${what}.`);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

async function pnpm(cwd: string, ...args: readonly string[]): Promise<void> {
  const [code] = await once(spawn('npx', ['-y', 'pnpm@12', ...args], { cwd, stdio: 'inherit' }), 'exit');
  if (code !== 0) throw new Error(`pnpm ${args[0]} ended with ${code}.`);
}
