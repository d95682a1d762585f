import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { appendFile, chown, mkdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { test } from 'vitest';
import { openApplication } from '../packages/cli/test/fixtures/command.ts';
import { launch, runAs } from './services/launch.ts';

const page = readFileSync(new URL('../docs/guide/point-in-time.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```(ini|sh)\n([\s\S]*?)^```$/gm)].map(([, kind = '', text = '']) => ({
  kind,
  text,
}));

/** The programs of PostgreSQL, which are not among the dependencies. */
const bin = ['', ...(process.env.PATH ?? '').split(delimiter), ...globSync('/usr/lib/postgresql/*/bin')].find(
  (folder) => ['pg_basebackup', 'initdb', 'pg_ctl', 'psql'].every((name) => folder && existsSync(join(folder, name))),
);

test('each block of the page gives a tenant back as it was', { timeout: 600_000 }, async (context) => {
  if (bin === undefined)
    return context.skip('PostgreSQL’s own programs, such as pg_basebackup, are not on this machine');
  await using app = await openApplication();
  const live = await archiving(bin);
  const { folder } = live;
  const scratch = new URL(live.url);
  const env = { DATABASE_URL: live.url, SCRATCH_URL: '' };
  const run = async (...args: string[]) => {
    const { code, out, err } = await app.runWith({ env }, ...args);
    assert.equal(code, 0, `omnitenant ${args.join(' ')}\n${out}${err}`);
    return out;
  };
  const titles = (id: string) => run('shell', id, '-e', '(await em.find(Task, {})).map((task) => task.title).join()');
  const now = async () => (await query(live.url, 'select clock_timestamp()::text as now'))[0]?.['now'];
  let moment: unknown;

  /** The block, with this test's folders, moment and port. */
  const placed = (text: string) =>
    text
      .replaceAll('/backups', join(folder, 'backups'))
      .replaceAll('/scratch', join(folder, 'scratch'))
      .replaceAll(/\b(acme(?:-after)?\.tar\.zst)/g, join(app.env['OMNITENANT_HISTORY'] ?? '', '..', '$1'))
      .replace('2026-11-29 14:31:30+00', String(moment))
      .replace('5499', scratch.port);

  try {
    await run(
      'shell',
      '--central',
      '-e',
      'await tenancy.migrateCentral(); await tenancy.tenants.create({ id: "acme" })',
    );
    scratch.port = String(Number(scratch.port) === 65_535 ? 65_534 : Number(scratch.port) + 1);
    env.SCRATCH_URL = scratch.href;
    for (const { text } of blocks.filter(({ kind }) => kind === 'sh')) {
      if (text.includes('pg_switch_wal')) {
        await run('shell', 'acme', '-e', 'await em.insert(Task, { title: "at 14:32" })');
        moment = await now();
        await run('shell', 'acme', '-e', 'await em.nativeDelete(Task, {}); await em.insert(Task, { title: "since" })');
      }
      if (!text.includes('omnitenant')) {
        await shell(placed(text), { ...process.env, ...env, PATH: `${bin}:${process.env.PATH}` }, folder);
        continue;
      }
      for (const line of placed(text)
        .replaceAll(/ \\\n */g, ' ')
        .trim()
        .split('\n')) {
        const [, elsewhere, args = ''] = /^(DATABASE_URL="\$SCRATCH_URL" )?omnitenant (.+)$/.exec(line) ?? [];
        env.DATABASE_URL = elsewhere ? scratch.href : live.url;
        await run(...args.split(' '));
        env.DATABASE_URL = live.url;
      }
      if (text.includes('--as')) {
        assert.match(await titles('acme-restored'), /at 14:32/);
        assert.match(await titles('acme'), /since/);
      }
    }
    assert.match(await titles('acme'), /at 14:32/);
    assert.doesNotMatch(await titles('acme'), /since/);
    assert.equal(existsSync(join(folder, 'scratch')), false);
  } finally {
    if (existsSync(join(folder, 'scratch')))
      execFileSync(join(bin, 'pg_ctl'), ['-D', join(folder, 'scratch'), '-m', 'immediate', 'stop'], { ...runAs });
    await live.stop();
  }
});

/** A server that keeps an archive, as the page says, in its own folder. */
async function archiving(programs: string) {
  let folder = '';
  const { url, stop } = await launch({
    name: 'archiving',
    stopSignal: 'SIGQUIT',
    async prepare(own) {
      folder = own;
      const data = join(own, 'data');
      await mkdir(join(own, 'backups', 'wal'), { recursive: true });
      for (const each of ['backups', 'backups/wal']) await chown(join(own, each), runAs.uid ?? -1, runAs.gid ?? -1);
      const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
      await promisify(execFile)(join(programs, 'initdb'), options, runAs);
      const [settings] = blocks.filter(({ kind }) => kind === 'ini');
      const local = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n";
      await appendFile(
        join(data, 'postgresql.conf'),
        local + (settings?.text ?? '').replaceAll('/backups', join(own, 'backups')),
      );
      return { file: join(programs, 'postgres'), args: (port) => ['-D', data, '-p', String(port)] };
    },
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    check: (address) => query(address, 'select'),
  });
  return { url, stop, folder };
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function shell(script: string, env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  // What it starts goes on and keeps its output open, so that goes into a file.
  const log = join(cwd, 'script.log');
  await promisify(execFile)('bash', ['-c', `exec >'${log}' 2>&1; set -e\n${script}`], { ...runAs, env, cwd }).catch(
    async () => assert.fail(`${script}\n${await readFile(log, 'utf8')}`),
  );
}
