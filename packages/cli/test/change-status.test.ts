import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom'] });
});
afterAll(() => app[Symbol.asyncDispose]());

test.each([
  ['suspend', 'suspended'],
  ['maintain', 'maintenance'],
  ['archive', 'archived'],
])('%s closes tenants, and resume makes them active again', async (verb, status) => {
  expect(await app.run(verb, 'acme', 'bloom')).toEqual({
    code: 0,
    out: `acme: ${status}\nbloom: ${status}\n`,
    err: '',
  });
  const closed = await app.run('shell', 'acme', '-e', '1');
  expect(closed.code).toBe(1);
  expect(closed.err).toMatch(/\(acme\): .*\n {2}Make it active again with: omnitenant resume acme\n$/);
  const entered = await app.run('shell', 'acme', '-e', 'tenant.status', '--allow-closed', '--reason', 'ticket 7');
  expect(entered).toMatchObject({ code: 0, out: `${status}\n` });
  expect(await app.run('resume', 'acme', 'bloom')).toMatchObject({ code: 0, out: 'acme: active\nbloom: active\n' });
});

test('all active tenants are put under maintenance, and all of those are resumed', async () => {
  expect(await app.run('suspend', 'bloom')).toMatchObject({ code: 0 });
  expect(await app.run('maintain', '--all')).toEqual({ code: 0, out: 'acme: maintenance\n', err: '' });
  expect((await app.run('run', '--all', '--allow-closed', '--', 'printenv', 'OMNITENANT_TENANT')).out).toBe(
    'acme | acme\nbloom | bloom\n',
  );
  expect(await app.run('maintain', 'bloom')).toMatchObject({ code: 0, out: 'bloom: maintenance\n' });
  expect(await app.run('resume', '--all')).toMatchObject({ code: 0, out: 'acme: active\nbloom: active\n' });
  expect((await app.run('resume')).err).toContain('Name the tenants by their ids, or pass --all.');
});

test('a tenant that fails does not stop the others, but fails the command', async () => {
  const { code, out, err } = await app.run('suspend', 'nobody', 'acme');
  expect({ code, out }).toEqual({ code: 1, out: 'acme: suspended\n' });
  expect(err).toContain('error TENANT_UNKNOWN');
  expect(await app.run('maintain', 'acme')).toMatchObject({ code: 0, out: 'acme: maintenance\n' });
  expect(await app.run('suspend', 'acme')).toMatchObject({
    code: 1,
    err: expect.stringContaining('TRANSITION_REFUSED'),
  });
  expect(await app.run('resume', 'acme')).toMatchObject({ code: 0 });
});

test('a verb whose work is done already succeeds and says so, so that a script may run twice', async () => {
  expect(await app.run('resume', 'acme', 'bloom')).toEqual({
    code: 0,
    out: 'acme: nothing to do, it is active\nbloom: nothing to do, it is active\n',
    err: '',
  });
  expect(await app.run('suspend', 'acme')).toMatchObject({ code: 0, out: 'acme: suspended\n' });
  expect(await app.run('suspend', 'acme')).toMatchObject({ code: 0, out: 'acme: nothing to do, it is suspended\n' });
});

test('domains are added, listed and removed', async () => {
  expect(await app.run('domains', 'add', 'bloom', 'Shop.Bloom.com', '--primary')).toMatchObject({
    code: 0,
    out: 'added shop.bloom.com to "bloom"\n',
  });
  expect(JSON.parse((await app.run('domains', 'list', 'bloom', '--json')).out)).toMatchObject([
    { host: 'shop.bloom.com', primary: true },
  ]);
  expect(await app.run('domains', 'add', 'acme', 'shop.bloom.com')).toMatchObject({
    code: 1,
    err: expect.stringContaining('DOMAIN_TAKEN'),
  });
  expect(await app.run('domains', 'remove', 'acme', 'shop.bloom.com')).toMatchObject({ code: 2 });
  expect(await app.run('domains', 'remove', 'bloom', 'shop.bloom.com')).toMatchObject({ code: 0 });
});

test('--json says what became of each tenant, failures too', async () => {
  await app.run('resume', 'acme', 'bloom');
  await app.run('suspend', 'acme');
  const { code, out, err } = await app.run('suspend', 'acme', 'nobody', 'bloom', '--json');
  expect(code).toBe(1);
  expect(err).toContain('error TENANT_UNKNOWN');
  expect(JSON.parse(out)).toEqual([
    { id: 'acme', status: 'suspended', changed: false },
    { id: 'nobody', changed: false, error: expect.stringContaining('TENANT_UNKNOWN') },
    { id: 'bloom', status: 'suspended', changed: true },
  ]);
  expect(JSON.parse((await app.run('resume', 'acme', 'bloom', '--json')).out)).toMatchObject([
    { status: 'active' },
    { status: 'active' },
  ]);
});
