import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackupTarget } from '../src/application/backup-target.ts';
import { folderTarget } from '../src/application/folder-target.ts';
import { type Application, openApplication } from './fixtures/command.ts';

/** What is used of s3rver, which has no types. */
interface S3Server {
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
}
const Server = createRequire(import.meta.url)('s3rver') as new (options: object) => S3Server;

const folder = mkdtempSync(join(tmpdir(), 'omnitenant-targets-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function* bytesOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* cutOff(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(6_000_000);
  throw new Error('the export failed');
}

async function namesOf(listed: AsyncIterable<string>): Promise<string[]> {
  const names: string[] = [];
  for await (const name of listed) names.push(name);
  return names.sort();
}

async function contentOf(target: BackupTarget, name: string): Promise<string | undefined> {
  const bytes = await target.read(name);
  return bytes && text(bytes);
}

describe('a folder as a target of backups', () => {
  const open = () => folderTarget(join(folder, 'backups'));

  test('keeps what is written, and replaces it', async () => {
    const target = open();
    await target.write('acme/first.tar.zst', bytesOf(Buffer.from('one '), Buffer.from('two')));
    expect(await contentOf(target, 'acme/first.tar.zst')).toBe('one two');
    await target.write('acme/first.tar.zst', bytesOf(Buffer.from('three')));
    expect(await contentOf(target, 'acme/first.tar.zst')).toBe('three');
    await target.write('acme/empty', bytesOf());
    expect(await contentOf(target, 'acme/empty')).toBe('');
  });

  test('has nothing of what could not be read to its end, and keeps what was there', async () => {
    const target = open();
    await expect(target.write('acme/broken', cutOff())).rejects.toThrow();
    expect(await target.read('acme/broken')).toBeUndefined();
    await target.write('acme/whole', bytesOf(Buffer.from('whole')));
    await expect(target.write('acme/whole', cutOff())).rejects.toThrow();
    expect(await contentOf(target, 'acme/whole')).toBe('whole');
  });

  test('lists by the first letters, and deletes', async () => {
    const target = open();
    for (const name of ['bloom/a', 'bloom/b', 'bloomer/c']) await target.write(name, bytesOf(Buffer.from(name)));
    expect(await namesOf(target.list('bloom/'))).toEqual(['bloom/a', 'bloom/b']);
    await target.delete('bloom/a');
    await target.delete('bloom/a');
    expect(await namesOf(target.list('bloom/'))).toEqual(['bloom/b']);
    expect(await target.read('bloom/a')).toBeUndefined();
    expect(await namesOf(target.list('nobody/'))).toEqual([]);
  });
});

test('what a killed process has left half written goes with the next write, and what another is writing stays', async () => {
  const path = join(folder, 'killed');
  const target = folderTarget(path);
  await target.write('acme/a', bytesOf(Buffer.from('a')));
  for (const name of ['a.0123abcd.partial', 'b.4567cdef.partial', 'own.partial'])
    writeFileSync(join(path, 'acme', name), '');
  const longAgo = Date.now() / 1_000 - 90_000;
  for (const name of ['a.0123abcd.partial', 'own.partial']) utimesSync(join(path, 'acme', name), longAgo, longAgo);
  await target.write('acme/c', bytesOf(Buffer.from('c')));
  expect(readdirSync(join(path, 'acme')).sort()).toEqual(['a', 'b.4567cdef.partial', 'c', 'own.partial']);
});

test('a folder is that of its owner, and only a write makes it', async () => {
  const path = join(folder, 'private');
  const target = folderTarget(path);
  expect(await namesOf(target.list(''))).toEqual([]);
  expect(existsSync(path)).toBe(false);
  await target.write('acme/a', bytesOf(Buffer.from('a')));
  expect([statSync(join(path, 'acme')).mode & 0o777, statSync(join(path, 'acme/a')).mode & 0o777]).toEqual([
    0o700, 0o600,
  ]);
});

describe('a bucket as a target of backups', () => {
  let app: Application;
  let server: S3Server;
  let env: Record<string, string>;

  beforeAll(async () => {
    const directory = join(folder, 's3');
    const configureBuckets = [{ name: 'backups' }];
    server = new Server({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets });
    env = { BUCKET_ENDPOINT: `http://127.0.0.1:${(await server.run()).port}` };
    app = await openApplication({ tenants: ['acme', 'bloom'] });
    // More than one part of an upload, which is of 5 MB.
    const rows =
      "select (select string_agg(md5(random()::text), '') from generate_series(1, 400000) where n > 0) from generate_series(1, 1) n";
    await app.run('shell', 'acme', '-e', `await em.execute(\`insert into task (title) ${rows}\`)`);
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await server.close();
  });

  const files = (tenant: string) =>
    readdirSync(join(folder, 's3/backups'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes(`${tenant}/`) && name.includes('.tar.zst') && name.endsWith('_object'))
      .map((name) => join(folder, 's3/backups', name));

  test('is that of the configuration: tenants are written, kept for so long, and restored', async () => {
    expect(await app.run('backup', '--all')).toMatchObject({ code: 2, err: expect.stringContaining('--to') });
    const secret = await generateX25519Identity();
    const key = join(folder, 'key.txt');
    writeFileSync(key, secret);
    const encrypted = ['--encrypt-to', await identityToRecipient(secret)];
    const first = await app.runWith({ env }, 'backup', '--all', ...encrypted, '--json');
    expect(JSON.parse(first.out)).toMatchObject({ total: 2, written: 2, failed: [] });
    const [before = ''] = files('acme');
    expect(statSync(before).size).toBeGreaterThan(5 << 20);
    expect(readFileSync(before).toString('latin1', 0, 14)).toBe('age-encryption');

    expect(await app.runWith({ env }, 'backup', 'acme', '--keep', '1', ...encrypted)).toMatchObject({ code: 0 });
    expect(files('acme')).toHaveLength(1);
    expect(files('acme')).not.toContain(before);
    expect(files('bloom')).toHaveLength(1);

    const restored = await app.runWith({ env }, 'restore', 'acme', '--as', 'acme-back', '--identity', key);
    expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('from acme/') });
    const length = '(await em.find(Task, {})).map(({ title }) => title.length).join()';
    expect((await app.run('shell', 'acme-back', '-e', length)).out).toContain(String(32 * 400_000));
    expect(await app.runWith({ env }, 'restore', 'nobody')).toMatchObject({ code: 2 });
    await app.run('remove', 'acme-back', '--confirm', 'acme-back');
  });

  test('has nothing of a tenant that could not be read, and the run goes on', async () => {
    const rename = (from: string, to: string) =>
      app.run('shell', '--central', '-e', `await em.execute('alter schema ${from} rename to ${to}')`);
    await rename('t_bloom', 'hidden');
    const failed = await app.runWith({ env }, 'backup', '--all', '--json');
    expect(JSON.parse(failed.out)).toMatchObject({ written: 1, failed: [{ tenant: 'bloom' }] });
    expect(files('bloom')).toHaveLength(1);
    await rename('hidden', 't_bloom');
    const resumed = await app.runWith({ env }, 'backup', '--all', '--resume', '--json');
    expect(JSON.parse(resumed.out)).toMatchObject({ written: 1, before: 1, failed: [] });
    expect(files('bloom')).toHaveLength(2);
  });

  test('is shown by the guide', () => {
    const words = (code: string) => code.replaceAll(/\s+/g, ' ');
    const guide = readFileSync(join(import.meta.dirname, '../../../docs/guide/archive.md'), 'utf8');
    const fixture = readFileSync(join(import.meta.dirname, 'fixtures/s3-target.ts'), 'utf8');
    expect(words(guide)).toContain(words(fixture).trim());
  });
});
