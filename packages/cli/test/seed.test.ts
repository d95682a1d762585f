import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom', 'cobalt'] });
});
afterAll(() => app[Symbol.asyncDispose]());

async function titlesOf(id: string): Promise<string> {
  return (await app.run('shell', id, '-e', '(await em.find(Task, {})).map(({ title }) => title).join()')).out.trim();
}

test("MikroORM's seeders run in one tenant, several or all, and a tenant in which one fails has nothing of it", async () => {
  expect(await app.run('seed', 'acme')).toEqual({ code: 0, out: '1 seeded, 0 failed, 0 not started\n', err: '' });
  expect(await titlesOf('acme')).toBe('read the guide');
  const all = await app.run('seed', '--all', '--skip', 'cob*', '--class', 'OnceSeeder', '--json');
  expect({ ...all, out: JSON.parse(all.out) }).toEqual({
    code: 1,
    out: { total: 2, seeded: 1, failed: [{ tenant: 'acme', error: 'there are tasks already' }], remaining: 0 },
    err: 'failed "acme": there are tasks already\n',
  });
  expect([await titlesOf('acme'), await titlesOf('bloom'), await titlesOf('cobalt')]).toEqual([
    'read the guide',
    'only once',
    '',
  ]);
  const wrong = await app.run('seed', '--all', '--class', 'NoSeeder');
  expect(wrong).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^error: Seeder class NoSeeder not found in .*nothing was seeded\.\n$/),
  });
  expect((await app.run('seed')).code).toBe(2);
});

test('fresh deletes all data of a tenant, asks first, and keeps the rest of it', async () => {
  await app.run('domains', 'add', 'cobalt', 'cobalt.com');
  await app.run('seed', 'cobalt', '--class', 'DatabaseSeeder', '--class', 'DatabaseSeeder');
  expect(await app.run('fresh', 'cobalt')).toMatchObject({ code: 2, err: expect.stringContaining('--confirm cobalt') });
  expect(await titlesOf('cobalt')).toBe('read the guide,read the guide');
  const call = ['fresh', 'cobalt', '--confirm', 'cobalt'];
  expect(await app.run(...call, '--class', 'NoSeeder')).toMatchObject({ code: 2 });
  expect(await app.run(...call, '--seed')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^reset and seeded "cobalt": cobalt, active/),
  });
  expect(await titlesOf('cobalt')).toBe('read the guide');
  expect(await titlesOf('bloom')).toBe('only once');
  expect((await app.run('show', 'cobalt')).out).toMatch(/^domains +cobalt\.com$/m);
  expect((await app.run('verify', 'cobalt')).code).toBe(0);
});

test('a tenant that is created without migrations has no tables and lets nobody in until it is migrated', async () => {
  const created = await app.run('create', 'drift', '--no-migrate');
  expect(created).toMatchObject({ code: 0, out: expect.stringContaining('drift, maintenance, schema') });
  expect(created.err).toBe('It has no tables. Run: omnitenant migrate drift, then: omnitenant resume drift\n');
  const tables = "await em.execute(`select count(*)::int from pg_tables where schemaname = 't_drift'`)";
  expect((await app.run('shell', 'drift', '--allow-closed', '-e', tables)).out).toContain('count: 0');
  expect(await app.run('migrate', 'drift')).toMatchObject({ code: 0, out: '1 migrated\n' });
  expect(await app.run('resume', 'drift')).toMatchObject({ code: 0 });
  expect(await titlesOf('drift')).toBe('');
});
