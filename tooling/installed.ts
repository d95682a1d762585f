// Installs the packages as a stranger would, from their archives and outside of this repository: with npm and with pnpm, with the peers that
// the README's example asks for. There the example has to compile, to run and to answer, and CommonJS has to be able to require the packages.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { codeBlocks } from './code-blocks.ts';
import { packages, root } from './packages.ts';

const run = promisify(execFile);
const work = mkdtempSync(join(tmpdir(), 'omnitenant-installed-'));
const { catalog } = readCatalog();

try {
  const archives = await pack();
  await inFreshProject('npm', archives, (folder) =>
    run('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder }),
  );
  await inFreshProject('pnpm', archives, (folder) =>
    run('npx', ['-y', 'pnpm@12', 'install', '--no-frozen-lockfile'], { cwd: folder }),
  );
} finally {
  rmSync(work, { recursive: true });
}

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

async function inFreshProject(
  tool: string,
  archives: Record<string, string>,
  install: (folder: string) => Promise<unknown>,
): Promise<void> {
  const folder = join(work, tool);
  mkdirSync(folder);
  const peers = [
    '@hono/node-server',
    '@mikro-orm/core',
    '@mikro-orm/migrations',
    '@mikro-orm/pglite',
    '@mikro-orm/sql',
    'hono',
  ];
  const tools = ['@types/node', 'typescript'];
  const write = (name: string, content: object | string) =>
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
  const pins = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, catalog(name)]));
  const wanted = ['@omnitenant/core', '@omnitenant/hono', '@omnitenant/orm'];
  write('package.json', {
    name: 'a-stranger',
    private: true,
    type: 'module',
    dependencies: { ...pick(archives, wanted), ...pins(peers) },
    devDependencies: pins(tools),
    overrides: pick(archives, wanted),
  });
  write('pnpm-workspace.yaml', `packages: []\noverrides: ${JSON.stringify(archives)}\n`);
  write('tsconfig.json', {
    compilerOptions: {
      module: 'nodenext',
      target: 'es2024',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: ['node'],
    },
    files: ['main.ts'],
  });
  const port = await freePort();
  const [example] = codeBlocks(readFileSync(join(root, 'README.md'), 'utf8'));
  if (!example?.code.includes('port: 3000'))
    throw new Error('The README begins with no example that listens on port 3000.');
  write('main.ts', example.code.replace('port: 3000', `port: ${port}`));
  await install(folder);
  await run(join(folder, 'node_modules', '.bin', 'tsc'), [], { cwd: folder });
  await run(process.execPath, ['--input-type=commonjs', '-e', wanted.map((name) => `require('${name}')`).join(';')], {
    cwd: folder,
  });
  await answers(folder, port);
  console.log(`${tool}: installs, compiles, can be required, and the README's example answers`);
}

/** Runs the example until it has given each tenant what is its own. */
async function answers(folder: string, port: number): Promise<void> {
  const server = spawn(process.execPath, ['main.ts'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    for (const id of ['acme', 'bloom']) {
      const answer = JSON.stringify(await ask(port, id, server));
      if (answer !== JSON.stringify([{ id: 1, title: `A task of ${id}` }]))
        throw new Error(`${id} was answered ${answer}`);
    }
  } finally {
    server.kill();
  }
}

async function ask(port: number, id: string, server: ReturnType<typeof spawn>): Promise<unknown> {
  for (let tries = 0; tries < 300 && server.exitCode === null; tries += 1) {
    const answer = await get(port, `${id}.localhost`).catch(() => undefined);
    if (answer !== undefined) return JSON.parse(answer);
    await sleep(100);
  }
  throw new Error('The README’s example does not answer.');
}

/** As `fetch` would, which sets the host itself. */
async function get(port: number, host: string): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, path: '/tasks', headers: { host }, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return text(response);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await promisify(server.close.bind(server))();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** The versions that this repository uses. */
function readCatalog() {
  const text = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
  return {
    catalog(name: string): string {
      const [, version] = new RegExp(`^ {2}"?${name}"?: (\\S+)$`, 'm').exec(text) ?? [];
      if (version === undefined) throw new Error(`${name} is not in the catalog.`);
      return version;
    },
  };
}

function pick(from: Record<string, string>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, from[name] ?? '']));
}
