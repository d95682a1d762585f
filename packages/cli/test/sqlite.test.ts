import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, enter, openApplication } from './fixtures/command.ts';

const fixture = join(import.meta.dirname, 'fixtures/sqlite');
const names = ['omnitenant.config.ts', 'migrations/Migration20260101Task.ts'];
/** Copied, because the tenants' files are made beside them. */
const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(fixture, name), 'utf8')]));

let app: Application;
beforeAll(async () => {
  app = await openApplication({ files });
});
afterAll(() => app[Symbol.asyncDispose]());

test('the command serves tenants in files: it creates, asks, runs, migrates, exports and removes', async () => {
  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
  expect(await app.run('create', 'acme', '--domain', 'acme.com')).toMatchObject({ code: 0 });
  // It asks for no isolation and no server, as there is one of each.
  const terminal = app.onTerminal('create');
  await terminal.until('Tenant id');
  terminal.type(`bloom${enter}`);
  await terminal.until('Name');
  terminal.type(enter);
  await terminal.until('Domains');
  terminal.type(enter);
  expect(await terminal.ended).toBe(0);
  expect(terminal.shown()).toContain('created "bloom": bloom, active, database');
  expect(
    readdirSync(join(app.folder, 'tenants')).filter((name) => /^(acme|bloom)@\d+\.sqlite$/.test(name)),
  ).toHaveLength(2);

  const insert = "await em.insert('Task', { title: 'of ' + tenant.id })";
  expect(await app.run('shell', 'acme', '-e', insert)).toMatchObject({ code: 0 });
  const titles = '(await em.find("Task", {})).map(({ title }) => title).join()';
  expect((await app.run('shell', 'acme', '-e', titles)).out).toContain('of acme');
  expect((await app.run('shell', 'bloom', '-e', titles)).out).not.toContain('acme');

  const { out } = await app.run('status', '--json');
  expect(JSON.parse(out)).toMatchObject([
    { tenant: 'acme', pending: [] },
    { tenant: 'bloom', pending: [] },
  ]);
  expect(await app.run('verify')).toMatchObject({ code: 0 });
  expect(await app.run('doctor')).toMatchObject({ code: 0, out: expect.stringContaining('Tenants: 2 active') });
  expect(await app.run('export', 'acme', '--to', 'acme.tar.zst')).toMatchObject({ code: 0 });
  expect(await app.run('import', 'acme.tar.zst', '--as', 'copy')).toMatchObject({ code: 0 });
  expect((await app.run('shell', 'copy', '-e', titles)).out).toContain('of acme');
  expect(await app.run('suspend', 'bloom')).toMatchObject({ code: 0 });
  expect(await app.run('remove', 'bloom', '--confirm', 'bloom')).toMatchObject({ code: 0 });
  expect(JSON.parse((await app.run('list', '--json')).out)).toMatchObject([{ id: 'acme' }, { id: 'copy' }]);
});

test('what is for PostgreSQL alone is refused with a sentence', async () => {
  for (const command of [['psql', 'acme'], ['ready'], ['take-over'], ['credentials', 'rotate']]) {
    const { code, err } = await app.run(...command);
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining('This command is for tenants on PostgreSQL.'),
    });
  }
  const { code, err } = await app.run('move', 'acme', '--server', 'eu');
  expect(code).toBe(1);
  expect(err).toContain('cannot be moved: no resource moves tenants.');
});
