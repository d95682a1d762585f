// Runs an application's own test, as a stranger has installed the packages, by each test runner of docs/guide/set-ups.md, on the Node that runs
// this. OMNITENANT_SET_UPS=all runs each of them; otherwise the oldest vitest alone.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Runner {
  readonly name: string;
  /** The package, and the version of it. */
  readonly package: readonly [name: string, version: string];
  readonly files: Readonly<Record<string, string>>;
  readonly call: readonly string[];
  /** Whether its types are compiled as well. */
  readonly typed?: boolean;
}

const app = `
import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/pglite';
import { createTenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';

export const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });
class CreateTask extends Migration {
  up() {
    this.addSql('create table task (id serial primary key, title text not null)');
  }
}
export const createApp = async () => {
  const orm = await createOrm(
    defineConfig({ dbName: 'memory://', entities: [Task], migrations: { migrationsList: [CreateTask] } }),
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  return { tenancy, orm };
};
`;

const vitestTest = `
import { tenantTest } from '@omnitenant/orm/testing/vitest';
import { expect } from 'vitest';
import { createApp, Task } from './app.ts';

const test = tenantTest({ start: createApp, tenant: { isolation: 'schema' } });
test('a task is its tenant’s', async ({ em, tenants }) => {
  await em.insert(Task, { title: 'write' });
  expect(await em.find(Task, {})).toMatchObject([{ title: 'write' }]);
  const other = await tenants.open();
  expect(await other.em.find(Task, {})).toEqual([]);
  await other.close();
});
test('the next test has another tenant', async ({ em }) => {
  expect(await em.find(Task, {})).toEqual([]);
});
`;

const jestTest = `
import { openTestTenants } from '@omnitenant/orm/testing';
import { createApp, Task } from './app.mjs';

let tenants;
beforeAll(async () => {
  tenants = await openTestTenants({ start: createApp, tenant: { isolation: 'schema' } });
});
afterAll(() => tenants.close());
test('a task is its tenant’s', async () => {
  const acme = await tenants.open();
  const bloom = await tenants.open();
  await acme.em.insert(Task, { title: 'write' });
  expect(await acme.em.find(Task, {})).toMatchObject([{ title: 'write' }]);
  expect(await bloom.em.find(Task, {})).toEqual([]);
  await acme.close();
  await bloom.close();
});
`;

/** To start PGlite takes a busy machine half a minute. */
const timeoutMs = 120_000;

const vitest = (version: string): Runner => ({
  name: `vitest ${version}`,
  package: ['vitest', version],
  files: { 'app.ts': app.replace('  up()', '  override up()'), 'task.test.ts': vitestTest },
  call: ['vitest/vitest.mjs', 'run', `--testTimeout=${timeoutMs}`],
  typed: true,
});

const runners: readonly Runner[] = [
  vitest('3.2'),
  vitest('4'),
  vitest('5'),
  {
    name: 'Jest',
    package: ['jest', '30'],
    files: { 'app.mjs': app, 'task.test.mjs': jestTest },
    call: ['jest/bin/jest.js', '--testMatch', '**/*.test.mjs', `--testTimeout=${timeoutMs}`],
  },
];

/** Checks the runners, each in a folder that `open` makes with the packages and the runner installed. */
export async function checkRunners(
  open: (further: Readonly<Record<string, string>>) => Promise<string>,
): Promise<void> {
  for (const {
    name,
    package: wanted,
    files,
    call: [path = '', ...args],
    typed,
  } of chosen()) {
    const folder = await open(Object.fromEntries([wanted]));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    const inModules = join(folder, 'node_modules');
    const { stdout, stderr } = await run(
      process.execPath,
      ['--experimental-vm-modules', join(inModules, path), ...args],
      {
        cwd: folder,
      },
    );
    assert.match(stdout + stderr, /[12] passed/, name);
    if (typed) await run(join(inModules, '.bin/tsc'), [...compilerOptions, 'task.test.ts'], { cwd: folder });
    console.log(`test runner: ${name}`);
  }
}

const compilerOptions =
  '--module nodenext --target es2024 --lib es2024,esnext.disposable --strict --noEmit --skipLibCheck --types node --allowImportingTsExtensions'.split(
    ' ',
  );

const chosen = (): readonly Runner[] => (process.env['OMNITENANT_SET_UPS'] === 'all' ? runners : runners.slice(0, 1));
