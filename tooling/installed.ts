// Installs the packages as a stranger would, from their archives and outside of this repository, with npm and with pnpm:
// - those of the README's example with the peers that it asks for, where the example has to compile, run and answer as it is written;
// - all of them with all of their peers, where each entry point has to compile, to be importable, and requirable by CommonJS;
// - core by itself, which has to bring along nothing but what it says;
// - the command, in an application of each set-up that the guide names, on each version of Node;
// - an application's own tests, by test runners of several versions.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeBlocks } from './code-blocks.ts';
import { ask } from './http-client.ts';
import { entryPoints, packages, root } from './packages.ts';
import { runModules } from './run-modules.ts';
import { checkSetUps } from './set-ups/check.ts';
import { checkRunners } from './set-ups/runners.ts';

const run = promisify(execFile);
const work = mkdtempSync(join(tmpdir(), 'omnitenant-installed-'));
/** What an application on PGlite needs. */
const onPglite = ['core', 'migrations', 'pglite', 'sql'].map((name) => `@mikro-orm/${name}`);
const catalog = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');

const tools = {
  npm: (cwd: string) => run('npm', ['install', '--no-audit', '--no-fund'], { cwd }),
  pnpm: (cwd: string) => run('npx', ['-y', 'pnpm@12', 'install', '--no-frozen-lockfile'], { cwd }),
};

try {
  const archives = await pack();
  for (const [tool, install] of Object.entries(tools)) {
    const within = (name: string) => join(work, `${tool}-${name}`);
    await core(project(within('core'), archives, ['@omnitenant/core'], []), install);
    await example(
      project(
        within('example'),
        archives,
        ['@omnitenant/core', '@omnitenant/hono', '@omnitenant/orm'],
        [
          '@hono/node-server',
          '@mikro-orm/core',
          '@mikro-orm/migrations',
          '@mikro-orm/pglite',
          '@mikro-orm/sql',
          'hono',
        ],
      ),
      install,
    );
    await everything(project(within('everything'), archives, Object.keys(archives), peers()), install);
    console.log(`${tool}: installs, compiles, can be imported and required, and the README's example answers`);
  }
  await setUps(archives);
  await runners(archives);
} finally {
  rmSync(work, { recursive: true });
}

type Install = (folder: string) => Promise<unknown>;

/** Packs every package, and gives the archives by the packages' names. */
async function pack(): Promise<Record<string, string>> {
  const archives: Record<string, string> = {};
  for (const { folder, path, manifest } of packages()) {
    const target = join(work, 'archives', folder);
    mkdirSync(target, { recursive: true });
    await run('pnpm', ['pack', '--pack-destination', target], { cwd: path });
    const [archive = ''] = readdirSync(target).map((name) => join(target, name));
    archives[manifest.name] = `file:${archive}`;
    console.log(`${manifest.name.padEnd(20)} ${(statSync(archive).size / 1024).toFixed(0).padStart(4)} kB packed`);
  }
  return archives;
}

/** An application's folder, with a `package.json` that asks for packages of ours and of others. */
function project(
  folder: string,
  archives: Readonly<Record<string, string>>,
  ours: readonly string[],
  others: readonly string[],
): string {
  mkdirSync(folder);
  const wanted = Object.fromEntries(ours.map((name) => [name, archives[name]]));
  const write = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content));
  write('package.json', {
    name: 'a-stranger',
    private: true,
    type: 'module',
    dependencies: { ...wanted, ...pins(others) },
    devDependencies: others.length > 0 ? pins(['@types/node', 'typescript']) : {},
    overrides: wanted,
  });
  // JSON is YAML.
  write('pnpm-workspace.yaml', {
    packages: [],
    overrides: archives,
    allowBuilds: { esbuild: false, 'msgpackr-extract': false },
  });
  return folder;
}

async function core(folder: string, install: Install): Promise<void> {
  await install(folder);
  const { dependencies = {} } = packages().find(({ folder }) => folder === 'core')?.manifest ?? {};
  const installed = modulesIn(folder).filter((name) => name !== '@omnitenant/core' && !(name in dependencies));
  if (installed.length > 0) throw new Error(`core brings along ${installed.join(', ')}`);
  await run(process.execPath, ['-e', "require('@omnitenant/core')"], { cwd: folder });
}

async function example(folder: string, install: Install): Promise<void> {
  const [{ code } = { code: '' }] = codeBlocks(readFileSync(join(root, 'README.md'), 'utf8'));
  const main = join(folder, 'main.ts');
  writeFileSync(main, code);
  await install(folder);
  await compile(folder, 'main.ts');
  await using running = runModules([main], { cwd: folder });
  const [port = 0] = await running.ports;
  for (const id of ['acme', 'bloom']) {
    const { body } = await ask(port, ['GET', `${id}.localhost/tasks`]);
    assert.deepEqual(body, [{ id: 1, title: `A task of ${id}` }]);
  }
  await running.end();
}

async function everything(folder: string, install: Install): Promise<void> {
  const names = packages()
    .flatMap(entryPoints)
    .map(({ name }) => name);
  const imports = names.map((name, index) => `import * as module${index} from '${name}';`);
  const uses = names.map((_, index) => `module${index}`).join(', ');
  writeFileSync(join(folder, 'import.ts'), `${imports.join('\n')}\nconsole.log([${uses}].length);\n`);
  await install(folder);
  await compile(folder, 'import.ts');
  await run(process.execPath, ['import.ts'], { cwd: folder });
  // vitest, which tests of an application run in, is of ES modules alone, and is not to be loaded outside of it.
  const requirable = names.filter((name) => !name.endsWith('/vitest'));
  await run(process.execPath, ['-e', requirable.map((name) => `require('${name}')`).join(';')], { cwd: folder });
}

function compile(cwd: string, file: string): Promise<unknown> {
  const options =
    '--module nodenext --target es2024 --lib es2024,esnext.disposable --strict --noEmit --skipLibCheck --types node';
  return run(join(cwd, 'node_modules', '.bin', 'tsc'), [...options.split(' '), '--ignoreConfig', file], { cwd });
}

/** The packages that a folder's `node_modules` holds, those that pnpm keeps out of sight too. */
function modulesIn(folder: string): string[] {
  const names = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .map((path) => /(?:^|node_modules\/)((?:@[^/]+\/)?[^/.@][^/]*)\/package\.json$/.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)];
}

async function setUps(archives: Readonly<Record<string, string>>): Promise<void> {
  const ours = ['@omnitenant/cli', '@omnitenant/core', '@omnitenant/orm'];
  const others = [...onPglite, '@mikro-orm/decorators', 'reflect-metadata', 'tsx'];
  const folder = project(join(work, 'set-ups'), archives, ours, others);
  // What loads TypeScript by swc reads its configuration with a compiler of that version.
  addTo(folder, { '@swc-node/register': '1.12.1', '@swc/core': '1.16.22', typescript: '5.9.3' });
  await tools.npm(folder);
  await checkSetUps(folder);
}

async function runners(archives: Readonly<Record<string, string>>): Promise<void> {
  await checkRunners(async (further) => {
    const name = Object.entries(further).flat().join('-');
    const folder = project(join(work, name), archives, ['@omnitenant/core', '@omnitenant/orm'], onPglite);
    addTo(folder, { ...further, typescript: '5.9.3' });
    await tools.npm(folder);
    return folder;
  });
}

/** Adds development dependencies to a folder's `package.json`. */
function addTo(folder: string, further: Readonly<Record<string, string>>): void {
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...manifest, devDependencies: { ...manifest.devDependencies, ...further } }));
}

/** What our packages ask an application for. */
function peers(): string[] {
  const names = packages().flatMap(({ manifest }) => Object.keys(manifest.peerDependencies ?? {}));
  return [...new Set(names)].filter((name) => !name.startsWith('@omnitenant/'));
}

/** The versions that this repository uses. */
function pins(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      const [, version] = new RegExp(`^ {2}"?${name}"?: (\\S+)$`, 'm').exec(catalog) ?? [];
      if (version === undefined) throw new Error(`${name} is not in the catalog.`);
      return [name, version];
    }),
  );
}
