import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

const isInstalled = spawnSync('psql', ['--version']).error === undefined;

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom'] });
});
afterAll(() => app[Symbol.asyncDispose]());

test.skipIf(!isInstalled)(
  'psql in a tenant reads its rows, and neither others nor the credentials of the application',
  async () => {
    await app.run('shell', 'acme', '-e', 'await em.insert(Task, { title: "of acme" })');
    expect(await app.run('psql', 'acme', '--', '-Atc', 'select title from task')).toEqual({
      code: 0,
      out: 'of acme\n',
      err: '',
    });
    const others = await app.run('psql', 'acme', '--', '-c', 'select title from t_bloom.task');
    expect(others).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('permission denied for schema t_bloom'),
    });
    const shown = await app.runWith({ input: '\\! env\n\\conninfo\nselect 1;\n' }, 'psql', 'acme');
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.out).not.toContain('DATABASE_URL');
    await app.run('suspend', 'bloom');
    expect(await app.run('psql', 'bloom', '--', '-c', 'select 1')).toMatchObject({
      code: 1,
      err: expect.stringContaining('TENANT_SUSPENDED'),
    });
    const roles = "await em.execute(`select rolname from pg_roles where rolname like 'omnitenant_lent_%'`)";
    const left = await app.run(
      'shell',
      'acme',
      '-e',
      `(${roles}).filter(({ rolname }) => ${JSON.stringify(shown.out)}.includes(rolname))`,
    );
    expect(left.out).toBe('[]\n');
  },
);

test('a machine without psql is told how to get it', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'omnitenant-path-'));
  const { code, err } = await app.runWith({ env: { PATH: empty } }, 'psql', 'acme');
  rmSync(empty, { recursive: true });
  expect({ code, err }).toEqual({
    code: 2,
    err: expect.stringMatching(/^error: psql is not installed\. Install PostgreSQL's client/),
  });
});

test('psql’s own -c is not taken for a configuration without a word', async () => {
  expect(await app.run('psql', 'acme', '-c', 'select 1')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no configuration file "select 1".+omnitenant psql acme -- -c/),
  });
});
