import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const root = join(import.meta.dirname, '../../../..');
function file(path: URL) {
  return fileURLToPath(path);
}
const config = file(new URL('../fixtures/kit/vitest.config.ts', import.meta.url));
const vitestFile = file(new URL('../fixtures/kit/library.vitest.ts', import.meta.url));
const nodeFile = file(new URL('../fixtures/kit/library.node.ts', import.meta.url));

async function leftovers(url: string): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  const { rowCount } = await client.query(
    `select id from central.tenant union all select nspname from pg_namespace where starts_with(nspname, 't_')`,
  );
  await client.end();
  return rowCount ?? 0;
}

function run(args: readonly string[], { url, name }: { url: string; name: string }, log = '') {
  const { VITEST: _, VITEST_POOL_ID: __, VITEST_WORKER_ID: ___, NODE_TEST_CONTEXT: ____, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: '1', KIT_URL: url, KIT_NAME: name, KIT_LOG: log };
  return promisify(execFile)(process.execPath, args, { cwd: root, env });
}

interface Seen {
  readonly id: string;
  readonly reuse: string;
}

test.each(['forks', 'threads'])('vitest gives each test a tenant of its own, in parallel %s', async (pool) => {
  await using database = await plainDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'omnitenant-kit-'));
  const logs = [1, 2].map((n) => join(folder, `${n}.log`));
  const args = [vitest, 'run', '--root', root, '--config', config, '--pool', pool, vitestFile];
  // Two runs at once on one database: each finds the other's tenants, and leaves them alone.
  const runs = await Promise.all(logs.map((log) => run(args, database, log)));
  for (const { stdout } of runs) expect(stdout).toMatch(/^ +Tests +10 passed \(10\)$/m);
  const seen = logs
    .flatMap((log) => readFileSync(log, 'utf8').trim().split('\n'))
    .map((line): Seen => JSON.parse(line));
  rmSync(folder, { recursive: true });
  const idsOf = (how: string) => seen.filter(({ reuse }) => reuse === how).map(({ id }) => id);
  expect(new Set(idsOf('never')).size).toBe(2 * 6);
  for (const how of ['reset', 'rollback']) expect([idsOf(how).length, new Set(idsOf(how)).size]).toEqual([4, 2]);
  expect(await leftovers(database.url)).toBe(0);
});

test('node:test gives each test a tenant of its own', async () => {
  await using database = await plainDatabase();
  const args = ['--conditions=@omnitenant/source', '--test', '--test-reporter=tap', nodeFile];
  const { stdout } = await run(args, database);
  expect(stdout).toMatch(/^# pass 2$/m);
  expect(await leftovers(database.url)).toBe(0);
});
