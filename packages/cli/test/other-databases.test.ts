import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestMariadb, testMariadb } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Application, enter, openApplication } from './fixtures/command.ts';

let mariadb: TestMariadb;
beforeAll(async () => {
  mariadb = await testMariadb();
});
afterAll(() => mariadb.drop());

const names = ['omnitenant.config.ts', 'migrations/Migration20260101Task.ts'];

/** Copied, because the tenants' files are made beside them. */
function filesOf(database: string): Readonly<Record<string, string>> {
  const fixture = join(import.meta.dirname, 'fixtures', database);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(fixture, name), 'utf8')]));
}

const postgresqlOnly = 'This command is for tenants on PostgreSQL.';

describe.each(['sqlite', 'mariadb'])('the command, on %s,', (database) => {
  let app: Application;
  let env: Record<string, string> = {};
  beforeAll(async () => {
    app = await openApplication({ files: filesOf(database) });
    if (database === 'sqlite') return;
    const { host, port, user, password } = mariadb;
    env = { MARIADB_SERVER: JSON.stringify({ host, port, user, password, dbName: mariadb.database() }) };
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const run = (...args: string[]) => app.runWith({ env }, ...args);
  const done = async (...args: string[]) => expect(await run(...args), args.join(' ')).toMatchObject({ code: 0 });

  test('creates, asks, runs, migrates, verifies, archives, restores and removes', async () => {
    await done('migrate', '--central');
    await done('create', 'acme', '--domain', 'acme.com');
    // It asks for no isolation and no server, as there is one of each.
    const terminal = app.onTerminalWith({ env }, 'create');
    await terminal.until('Tenant id');
    terminal.type(`bloom${enter}`);
    await terminal.until('Name');
    terminal.type(enter);
    await terminal.until('Domains');
    terminal.type(enter);
    expect(await terminal.ended).toBe(0);
    expect(terminal.shown()).toContain('created "bloom": bloom, active, database');

    const insert = "await em.insert('Task', { title: 'of ' + tenant.id })";
    await done('shell', 'acme', '-e', insert);
    const titles = '(await em.find("Task", {})).map(({ title }) => title).join()';
    expect((await run('shell', 'acme', '-e', titles)).out).toContain('of acme');
    expect((await run('shell', 'bloom', '-e', titles)).out).not.toContain('acme');

    const { out } = await run('status', '--json');
    expect(JSON.parse(out)).toMatchObject([
      { tenant: 'acme', pending: [] },
      { tenant: 'bloom', pending: [] },
    ]);
    await done('verify');
    expect(await run('doctor')).toMatchObject({ code: 0, out: expect.stringContaining('Tenants: 2 active') });
    await done('export', 'acme', '--to', 'acme.tar.zst');
    await done('import', 'acme.tar.zst', '--as', 'copy');
    expect((await run('shell', 'copy', '-e', titles)).out).toContain('of acme');
    await done('clone', 'acme', 'twin');
    await done('backup', '--all', '--to', 'backups');
    await done('restore', 'acme', '--from', 'backups', '--as', 'restored');
    await done('erase', 'twin', '--to', 'twin.tar.zst', '--confirm', 'twin');
    await done('fresh', 'copy', '--confirm', 'copy');
    await done('usage');
    await done('audit', '--tenant', 'acme');
    await done('suspend', 'bloom');
    await done('remove', 'bloom', '--confirm', 'bloom');
    expect(JSON.parse((await run('list', '--json')).out)).toMatchObject([
      { id: 'acme', status: 'active' },
      { id: 'copy', status: 'active' },
      { id: 'restored', status: 'active' },
    ]);
  });

  const refusals: readonly [number, readonly string[], string][] = [
    [2, ['psql', 'acme'], postgresqlOnly],
    [2, ['ready'], postgresqlOnly],
    [2, ['take-over'], postgresqlOnly],
    [2, ['credentials', 'rotate'], postgresqlOnly],
    [2, ['export', 'acme', '--anonymise', '--to', 'x.tar.zst'], postgresqlOnly],
    [2, ['clone', 'acme', 'other', '--anonymise'], postgresqlOnly],
    [1, ['move', 'acme', '--server', 'eu'], 'cannot be moved: '],
    [1, ['move', 'acme', '--undo', '--forget'], 'cannot be moved: '],
    [1, ['adopt', 'other', '--database', 'other'], 'cannot adopt storage: '],
    [1, ['remove', 'acme', '--keep-storage', '--confirm', 'acme'], 'cannot be removed with its storage kept: '],
    [1, ['create', 'other', '--isolation', 'schema'], 'asks for isolation "schema"'],
    [1, ['create', 'other', '--server', 'eu'], 'it names a server'],
    [1, ['clone', 'acme', 'other', '--server', 'eu'], 'it names a server'],
    [1, ['rollback', '--central', '--yes'], 'Central has no migrations here'],
    [1, ['domains', 'claims'], 'createTenancy({ domains }) is not set'],
  ];

  test('refuses what is not there with a sentence, and changes nothing', async () => {
    for (const [code, command, sentence] of refusals) {
      const { err, ...ended } = await run(...command);
      expect({ command, ...ended }).toEqual({ command, code, out: '' });
      expect(err).toContain(sentence);
    }
    const left = JSON.parse((await run('list', '--json')).out) as { id: string; status: string }[];
    expect(left.map(({ id, status }) => `${id} ${status}`)).toEqual(['acme active', 'copy active', 'restored active']);
  });
});
