// Runs the command, as a stranger has installed it, in applications of each set-up of docs/guide/set-ups.md, on the versions of Node that the
// packages support. OMNITENANT_SET_UPS=all runs each of them on each version; otherwise those that need a loader run on the oldest and on the newest.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Cell, cells } from './cells.ts';

const run = promisify(execFile);

/** The oldest version of Node first; then the newest of each that is maintained. */
const versions = ['22.18.0', '22', '24', '26'] as const;
const tooOld = '20';

/** What an operator does first, in one process, as the database is in its memory. */
const code = `
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme' });
  return tenancy.run('acme', async () => {
    await orm.em.insert(entities.Task, { title: 'a task', size: 'small' });
    return (await orm.em.find(entities.Task, {})).map(({ title, size }) => title + ', ' + size).join();
  });
`;

/** Checks every set-up in a folder where the packages are installed. */
export async function checkSetUps(folder: string): Promise<void> {
  const nodes = new Map<string, string>();
  for (const version of [...versions, tooOld]) nodes.set(version, await nodeOf(version, folder));
  await refuses(folder, nodes.get(tooOld) as string);
  for (const cell of cells) {
    const own = await write(folder, cell);
    const every = cell.plain || process.env.OMNITENANT_SET_UPS === 'all';
    const chosen = every ? versions : versions.filter((_, n) => n === 0 || n === versions.length - 1);
    for (const version of chosen) {
      const call = [bin(folder, '@omnitenant/cli/dist/bin.js'), 'shell', '--central', '-e', code, ...(cell.args ?? [])];
      const { stdout } = await run(nodes.get(version) as string, call, { cwd: own, env: environment() });
      assert.equal(stdout, 'a task, small\n', `${cell.name}, on Node ${version}`);
    }
    console.log(`set-up: ${cell.name}, on Node ${chosen.join(', ')}`);
    rmSync(own, { recursive: true });
  }
}

/** Neither the command nor the packages go on with a Node that is too old, and both say so in a sentence. */
async function refuses(folder: string, node: string): Promise<void> {
  const said = /^omnitenant requires Node 22\.18 or newer; this is 20\.\d+\.\d+\./;
  const command = await failure(run(node, [bin(folder, '@omnitenant/cli/dist/bin.js'), 'list'], { cwd: folder }));
  assert.match(command.stderr, said);
  const script = `import('@omnitenant/core').then(({ createTenancy }) => createTenancy({ resources: [] })).catch(({ message }) => { console.error(message); process.exit(1); });`;
  const library = await failure(run(node, ['-e', script], { cwd: folder }));
  assert.match(library.stderr, said);
  console.log('set-up: Node 20 is refused, by the command and by the packages');
}

async function failure(running: Promise<unknown>): Promise<{ readonly stderr: string }> {
  const error: unknown = await running.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  return error as { stderr: string };
}

async function write(folder: string, { name, files, compiled }: Cell): Promise<string> {
  const own = join(folder, name.replaceAll(/\W+/g, '-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(own, path)), { recursive: true });
    writeFileSync(join(own, path), text);
  }
  if (compiled) await run(process.execPath, [bin(folder, 'typescript/bin/tsc'), '-p', '.'], { cwd: own });
  return own;
}

async function nodeOf(version: string, cwd: string): Promise<string> {
  const { stdout } = await run('npx', ['-y', '-p', `node@${version}`, 'node', '-p', 'process.execPath'], { cwd });
  return stdout.trim();
}

function bin(folder: string, path: string): string {
  return join(folder, 'node_modules', path);
}

/** Without what the repository's own tools are run with. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS|MIKRO_ORM_.*)$/.test(name)),
  );
}
