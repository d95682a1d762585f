import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
const folder = mkdtempSync(join(tmpdir(), 'omnitenant-full-'));
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom'] });
  // What does not compress, of more than 64 kB.
  const rows = 'select md5(n::text) || md5((n + 1000000)::text) from generate_series(1, 4000) n';
  await app.run('shell', 'acme', '-e', `await em.execute("insert into task (title) ${rows}")`);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await app[Symbol.asyncDispose]();
});

/** Runs the command where a file may have so many blocks of 512 bytes. */
const limited = (blocks: number, ...args: string[]) =>
  app.runWith({ within: ['sh', '-c', `ulimit -f ${blocks}; exec "$@"`, 'sh'] }, ...args);

const filesIn = (name: string) => readdirSync(at(name), { recursive: true, encoding: 'utf8' });
const archivesOf = (tenant: string) => filesIn('backups').filter((name) => name.startsWith(`${tenant}/`));
const isTooLarge = 'could not be written, and nothing of it was kept: it would be larger than a file may be there';
const status = async (tenant: string) => (await app.run('show', tenant)).out;

test('a backup whose disk takes no more keeps the archives that it has not replaced, and goes on when there is room', async () => {
  const backup = ['backup', '--all', '--to', at('backups'), '--keep', '1'];
  expect(await app.run(...backup)).toMatchObject({ code: 0 });
  const [before = ''] = archivesOf('acme');
  const full = await limited(64, ...backup);
  expect(full).toMatchObject({ code: 1, out: expect.stringContaining('1 written, 1 failed') });
  expect(full.err).toContain('failed "acme"');
  expect(full.err).toContain(isTooLarge);
  expect(full.err).toContain('--resume');
  expect(archivesOf('acme')).toEqual([before]);
  expect(archivesOf('bloom')).toHaveLength(1);
  expect(await app.run(...backup, '--resume')).toMatchObject({
    code: 0,
    out: expect.stringContaining('1 written, 1 before'),
  });
  expect(archivesOf('acme')).toHaveLength(1);
  expect(archivesOf('acme')).not.toContain(before);
  expect(filesIn('backups').filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test('a backup that cannot write its list says so, deletes nothing, and goes on when there is room', async () => {
  const backup = ['backup', '--all', '--to', at('unlisted'), '--keep', '1'];
  expect(await app.run(...backup)).toMatchObject({ code: 0 });
  const before = filesIn('unlisted');
  const full = await limited(0, ...backup);
  expect(full).toMatchObject({ code: 1, out: expect.stringContaining('0 written, 2 failed') });
  expect(full.err).toMatch(new RegExp(`_runs/.*jsonl ${isTooLarge}`));
  expect(filesIn('unlisted')).toEqual(expect.arrayContaining(before));
  const from = ['restore', 'acme', '--from', at('unlisted'), '--as', 'acme-back'];
  expect(await app.run(...from)).toMatchObject({ code: 0 });
  await app.run('remove', 'acme-back', '--confirm', 'acme-back');
  expect(await app.run(...backup, '--resume')).toMatchObject({ code: 0, out: expect.stringContaining('2 written') });
  expect(filesIn('unlisted')).toHaveLength(before.length);
});

test('an archive that cannot be written is not there, and where its tenant is left is said', async () => {
  const exported = await limited(64, 'export', 'acme', '--to', at('acme'));
  expect(exported).toMatchObject({ code: 1, err: expect.stringContaining(`${at('acme')} ${isTooLarge}`) });
  expect(existsSync(at('acme'))).toBe(false);

  const erased = await limited(64, 'erase', 'acme', '--to', at('acme'), '--confirm', 'acme');
  expect(erased).toMatchObject({ code: 1, err: expect.stringContaining(`${at('acme')} ${isTooLarge}`) });
  expect(erased.err).toContain('omnitenant resume acme');
  expect(await status('acme')).toContain('suspended');
  await app.run('resume', 'acme');

  await app.run('export', 'acme', '--to', at('whole'));
  const replacing = ['restore', 'acme', '--from', at('whole'), '--replace', '--to', at('before'), '--confirm', 'acme'];
  const restored = await limited(64, ...replacing);
  expect(restored).toMatchObject({ code: 1, err: expect.stringContaining(`${at('before')} ${isTooLarge}`) });
  expect(restored.err).toContain('Nothing was replaced.');
  expect(await status('acme')).toContain('active');
  expect(filesIn('.').filter((name) => name.includes('.partial'))).toEqual([]);
});

/** A disk that is there for one command, which some systems let any user have. */
const onSmallDisk = [
  'unshare',
  '-rm',
  'sh',
  '-c',
  `mount -t tmpfs -o size=64k tmpfs ${folder} || exit 1; "$@"; ls -A ${folder}`,
  'sh',
];
const isRefused = spawnSync('env', [...onSmallDisk, 'true']).status !== 0;

test.skipIf(isRefused)('an archive that its disk has no space for is not there', async () => {
  const { out, err } = await app.runWith({ within: onSmallDisk }, 'export', 'acme', '--to', at('small'));
  expect(err).toContain(`${at('small')} could not be written, and nothing of it was kept: its disk has no space left.`);
  expect(err).toContain('ENOSPC');
  expect(out).toBe('');
});
