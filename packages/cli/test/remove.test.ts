import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, enter, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom', 'cobalt', 'elm', 'fern'] });
});
afterAll(() => app[Symbol.asyncDispose]());

test('asks for the id, and says what is deleted', async () => {
  const terminal = app.onTerminal('remove', 'acme');
  await terminal.until(`its schema ${app.database}.t_acme`);
  await terminal.until('Type "acme" to continue');
  terminal.type(`acme${enter}`);
  expect(await terminal.ended).toBe(0);
  expect((await app.run('show', 'acme')).code).toBe(1);
});

test('any other answer removes nothing', async () => {
  const terminal = app.onTerminal('remove', 'bloom');
  await terminal.until('Type "bloom" to continue');
  terminal.type(`yes${enter}`);
  expect(await terminal.ended).toBe(2);
  expect(await app.run('remove', 'bloom')).toMatchObject({ code: 2, err: expect.stringContaining('--confirm bloom') });
  expect(await app.run('remove', 'bloom', '--confirm', 'cobalt')).toMatchObject({ code: 2 });
  expect((await app.run('show', 'bloom')).code).toBe(0);
});

test('a script passes the id again', async () => {
  expect(await app.run('remove', 'cobalt', '--confirm', 'cobalt')).toEqual({
    code: 0,
    out: 'removed "cobalt"\n',
    err: '',
  });
});

test('what a tenant has adopted is kept when it is removed', async () => {
  const sql = 'create schema old; create table old.task (id serial primary key, title text, done boolean)';
  await app.run('shell', '--central', '-e', `await em.execute(${JSON.stringify(sql)})`);
  const adopted = await app.run('adopt', 'drift', '--schema', 'old', '--at', 'Migration20260201AddDone');
  expect(adopted).toMatchObject({ code: 0, out: `adopted "drift": drift, active, schema ${app.database}.old\n` });
  expect(await app.run('shell', 'drift', '-e', 'await em.count(Task)')).toMatchObject({ out: '0\n' });
  expect(await app.run('remove', 'drift', '--confirm', 'drift')).toMatchObject({ code: 0 });
  const left = await app.run('shell', '--central', '-e', 'await em.execute("select from old.task")');
  expect(left).toMatchObject({ code: 0, out: '[]\n' });
});

test('a tenant is removed with its schema kept, and adopted again under its own id', async () => {
  await app.run('shell', 'elm', '-e', 'await em.insert(Task, { title: "of elm" })');
  const removed = await app.run('remove', 'elm', '--keep-storage', '--confirm', 'elm');
  expect(removed).toEqual({ code: 0, out: 'removed "elm" and kept its storage\n', err: '' });
  expect(await app.run('adopt', 'elm', '--schema', 't_elm')).toMatchObject({ code: 0 });
  expect(await app.run('shell', 'elm', '-e', 'await em.count(Task)')).toMatchObject({ out: '1\n' });
  await app.run('remove', 'elm', '--forget', '--confirm', 'elm');
});

test('archived tenants are purged when their retention has ended, after a question', async () => {
  expect(await app.run('archive', 'fern', '--purge-after', 'soon')).toMatchObject({ code: 2 });
  expect(await app.run('archive', 'fern', '--purge-after', '2020-01-31')).toMatchObject({
    code: 0,
    out: 'fern: archived\n',
  });
  expect(await app.run('archive', 'bloom', '--purge-after', '90d')).toMatchObject({
    code: 0,
    out: 'bloom: archived\n',
  });
  expect((await app.run('list')).out).toMatch(/purged after[\s\S]*fern.*2020-01-31/);
  expect(await app.run('purge', '--dry-run')).toMatchObject({ code: 0, out: 'due: fern\n' });
  expect(await app.run('purge')).toMatchObject({ code: 2, err: expect.stringContaining('pass --yes') });
  const { out } = await app.run('purge', '--yes', '--json');
  expect(JSON.parse(out)).toEqual({ due: ['fern'], purged: ['fern'], failed: [] });
  expect(await app.run('purge', '--yes')).toMatchObject({ code: 0, out: 'no archived tenant is due\n' });
  // When it may be purged is in the audit.
  const audit = (await app.run('audit', '--tenant', 'fern', '--json')).out;
  expect(audit).toMatch(/"verb":"archive".*"outcome":"done".*"retainUntil":"2020-01-31/);
  expect((await app.run('show', 'bloom')).code).toBe(0);
});
