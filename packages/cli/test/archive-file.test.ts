import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
const folder = mkdtempSync(join(tmpdir(), 'omnitenant-archives-'));
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  app = await openApplication({ tenants: ['acme'] });
  await app.run('shell', 'acme', '-e', 'await em.insert(Task, { title: "of acme" })');
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await app[Symbol.asyncDispose]();
});

const titles = (id: string) => app.run('shell', id, '-e', '(await em.find(Task, {})).map((task) => task.title).join()');

test('a tenant is exported into a file that only its owner reads, and imported beside itself', async () => {
  const { code, out } = await app.run('export', 'acme', '--to', file('acme.tar.zst'), '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ tenant: 'acme', bytes: readFileSync(file('acme.tar.zst')).byteLength });
  expect(statSync(file('acme.tar.zst')).mode & 0o777).toBe(0o600);
  const imported = await app.run('import', file('acme.tar.zst'), '--as', 'acme-restored', '--isolation', 'database');
  expect(imported).toMatchObject({ code: 0, out: expect.stringContaining('imported "acme-restored"') });
  expect((await titles('acme-restored')).out).toContain('of acme');
  // Neither a file nor a tenant is overwritten.
  expect(await app.run('export', 'acme', '--to', file('acme.tar.zst'))).toMatchObject({ code: 2 });
  expect(await app.run('import', file('acme.tar.zst'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('TENANT_EXISTS'),
  });
  expect(await app.run('import', file('none.tar.zst'))).toMatchObject({ code: 2 });
  await app.run('remove', 'acme-restored', '--confirm', 'acme-restored');
});

test('an encrypted archive is for the holder of the key', async () => {
  const secret = await generateX25519Identity();
  const key = await identityToRecipient(secret);
  writeFileSync(file('key.txt'), `# created by age-keygen\n${secret}\n`);
  const to = file('acme.tar.zst.age');
  expect(await app.run('export', 'acme', '--to', to, '--encrypt-to', key)).toMatchObject({ code: 0 });
  expect(readFileSync(to).toString('latin1')).toMatch(/^age-encryption/);
  expect(await app.run('import', to, '--as', 'mine')).toMatchObject({
    code: 1,
    err: expect.stringContaining('encrypted'),
  });
  expect(await app.run('import', to, '--as', 'mine', '--identity', file('key.txt'))).toMatchObject({ code: 0 });
  expect((await titles('mine')).out).toContain('of acme');
  expect(await app.run('export', 'acme', '--to', file('other'), '--encrypt-to', 'nonsense')).toMatchObject({ code: 2 });
  expect(existsSync(file('other'))).toBe(false);
});

test('a tenant is copied, and one that leaves is erased with a proof', async () => {
  expect(await app.run('clone', 'acme', 'acme-copy')).toMatchObject({ code: 0 });
  expect((await titles('acme-copy')).out).toContain('of acme');
  expect(await app.run('erase', 'acme-copy', '--to', file('copy'))).toMatchObject({ code: 2 });
  const erased = await app.run('erase', 'acme-copy', '--to', file('copy'), '--confirm', 'acme-copy', '--json');
  expect(JSON.parse(erased.out)).toMatchObject({ tenant: 'acme-copy', file: file('copy'), sha256: expect.any(String) });
  expect(await app.run('show', 'acme-copy')).toMatchObject({ code: 1 });
  expect(await app.run('import', file('copy'))).toMatchObject({ code: 0 });
});

test('a copy and a file are anonymised by the rules of the configuration', async () => {
  expect(await app.run('clone', 'acme', 'acme-demo', '--anonymise')).toMatchObject({ code: 0 });
  expect((await titles('acme-demo')).out).not.toContain('acme');
  expect((await titles('acme-demo')).out.trim()).toHaveLength('of acme'.length);
  const { out } = await app.run('export', 'acme', '--anonymise', '--to', file('demo'), '--json');
  expect(JSON.parse(out)).toMatchObject({ tenant: 'acme', anonymised: true });
  const tar = zstdDecompressSync(readFileSync(file('demo'))).toString();
  expect(tar).toContain('"anonymised": true');
  expect(tar).not.toContain('of acme');
  await app.run('remove', 'acme-demo', '--confirm', 'acme-demo');
});

test('tenants are backed up into a folder, in runs that go on, and restored beside themselves', async () => {
  const to = file('backups');
  const failing = await app.run('shell', '--central', '-e', 'await em.execute("alter schema t_acme rename to hidden")');
  expect(failing.code).toBe(0);
  const first = await app.run('backup', '--all', '--to', to, '--json');
  expect(first).toMatchObject({ code: 1, err: expect.stringContaining('--resume') });
  expect(JSON.parse(first.out)).toMatchObject({ written: 2, failed: [{ tenant: 'acme' }] });
  // One that always fails does not keep a run from its end.
  expect((await app.run('backup', '--all', '--to', to, '--resume')).err).toContain('--resume');
  const ended = await app.run('backup', '--all', '--to', to, '--resume', '--json');
  expect(ended).toMatchObject({ code: 1, err: expect.not.stringContaining('--resume') });
  expect(JSON.parse(ended.out)).toMatchObject({ written: 0, before: 2, givenUp: ['acme'], remaining: 0 });
  await app.run('shell', '--central', '-e', 'await em.execute("alter schema hidden rename to t_acme")');
  const next = await app.run('backup', '--all', '--to', to, '--resume', '--json');
  expect(next).toMatchObject({ code: 0, err: expect.stringContaining('this is a new one') });
  expect(JSON.parse(next.out)).toEqual({ total: 3, written: 3, before: 0, failed: [], givenUp: [], remaining: 0 });

  // A new run replaces what is kept no longer.
  const [before] = readdirSync(join(to, 'acme'));
  expect(await app.run('backup', 'acme', '--to', to, '--keep', '1')).toMatchObject({ code: 0 });
  const after = readdirSync(join(to, 'acme'));
  expect(after).toHaveLength(1);
  expect(after).not.toContain(before);
  expect(readdirSync(join(to, 'mine'))).toHaveLength(2);

  expect(await app.run('restore', 'acme', '--from', to)).toMatchObject({
    code: 1,
    err: expect.stringContaining('TENANT_EXISTS'),
  });
  expect(await app.run('restore', 'acme', '--from', to, '--as', 'acme-back')).toMatchObject({ code: 0 });
  expect((await titles('acme-back')).out).toContain('of acme');
  expect(await app.run('restore', 'acme', '--from', to, '--at', '2020-01-01', '--as', 'older')).toMatchObject({
    code: 2,
  });
  expect(await app.run('restore', 'nobody', '--from', to)).toMatchObject({ code: 2 });
  // Where it is: its domains stay, and what it had is in a file.
  const [kept] = readdirSync(join(to, 'acme'));
  const replacing = [
    'restore',
    'acme',
    '--from',
    join(to, 'acme', kept ?? ''),
    '--replace',
    '--to',
    file('acme-after'),
  ];
  await app.run('domains', 'add', 'acme', 'acme.example');
  await app.run('shell', 'acme', '-e', 'await em.nativeUpdate(Task, {}, { title: "since" })');
  expect(await app.run(...replacing)).toMatchObject({ code: 2, err: expect.stringContaining('--confirm') });
  expect(await app.run(...replacing, '--confirm', 'acme', '--as', 'other')).toMatchObject({ code: 2 });
  expect(await app.run(...replacing, '--confirm', 'acme')).toMatchObject({ code: 0 });
  expect((await titles('acme')).out).toContain('of acme');
  expect((await app.run('domains', 'list', 'acme')).out).toContain('acme.example');
  expect(zstdDecompressSync(readFileSync(file('acme-after'))).toString()).toContain('since');
  await app.run('domains', 'remove', 'acme', 'acme.example');
  // A file of one customer is not restored as another.
  const [ofAcme = ''] = readdirSync(join(to, 'acme'));
  expect(await app.run('restore', 'mine', '--from', join(to, 'acme', ofAcme), '--as', 'mine-back')).toMatchObject({
    code: 1,
    err: expect.stringContaining('of the tenant "acme", and not of "mine"'),
  });
  expect(await app.run('show', 'mine-back')).toMatchObject({ code: 1 });
});

test('a backup of an earlier tenant of the same id stays, and is restored with a warning', async () => {
  const to = file('earlier');
  const restored = (as: string) => app.run('restore', 'bloom', '--from', to, '--as', as, '--quiet');
  await app.run('create', 'bloom');
  expect(await app.run('backup', 'bloom', '--to', to)).toMatchObject({ code: 0 });
  expect(await restored('bloom-before')).toMatchObject({ code: 0, err: '' });
  await app.run('remove', 'bloom', '--confirm', 'bloom');
  await app.run('create', 'bloom');
  const warned = { code: 0, err: expect.stringContaining('an earlier tenant "bloom"') };
  expect(await restored('bloom-former')).toMatchObject(warned);
  // Nor does the new tenant's backup replace it.
  expect(await app.run('backup', 'bloom', '--to', to, '--keep', '1')).toMatchObject({ code: 0 });
  expect(readdirSync(join(to, 'bloom'))).toHaveLength(2);
  expect(await restored('bloom-again')).toMatchObject({ code: 0, err: '' });
});

test('a run that goes on with a new tenant of the same id keeps the archive of the former one', async () => {
  const to = file('remade');
  await app.run('create', 'early');
  await app.run('shell', 'early', '-e', 'await em.insert(Task, { title: "of the former" })');
  const rename = (from: string, as: string) =>
    app.run('shell', '--central', '-e', `await em.execute("alter schema ${from} rename to ${as}")`);
  await rename('t_acme', 'hidden');
  expect(await app.run('backup', 'acme', 'early', '--to', to)).toMatchObject({ code: 1 });
  await rename('hidden', 't_acme');
  const [former = ''] = readdirSync(join(to, 'early'));
  const archive = readFileSync(join(to, 'early', former));
  await app.run('remove', 'early', '--confirm', 'early');
  await app.run('create', 'early');
  expect(await app.run('backup', 'acme', 'early', '--to', to, '--resume')).toMatchObject({ code: 0 });
  expect(readdirSync(join(to, 'early'))).toHaveLength(2);
  expect(readFileSync(join(to, 'early', former)).equals(archive)).toBe(true);
  expect(await app.run('restore', 'early', '--from', to, '--as', 'early-now', '--quiet')).toMatchObject({
    code: 0,
    err: '',
  });
});

test('a tenant that is made anew while a run is under way does not cost the former one its archives', async () => {
  const to = file('meanwhile');
  await app.run('create', 'later');
  expect(await app.run('backup', 'later', '--to', to)).toMatchObject({ code: 0 });
  const env = { REMADE_MEANWHILE: 'later' };
  const run = ['backup', 'acme', 'later', '--to', to, '--keep', '1', '--concurrency', '1'];
  expect(await app.runWith({ env }, ...run)).toMatchObject({ code: 0 });
  expect(readdirSync(join(to, 'later'))).toHaveLength(2);
  // The newest is the present tenant's.
  expect(await app.run('restore', 'later', '--from', to, '--as', 'later-now', '--quiet')).toMatchObject({
    code: 0,
    err: '',
  });
});
