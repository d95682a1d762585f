import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: [] });
});
afterAll(() => app[Symbol.asyncDispose]());

test('makes storage ahead, which the next tenants take, shows it, and deletes what is left', async () => {
  expect(await app.run('ready', '--count', '2', '--json')).toMatchObject({
    code: 0,
    out: `${JSON.stringify({ made: 2, removed: 0, ready: 2 }, null, 2)}\n`,
  });
  expect(await app.run('create', 'acme', '--no-input')).toMatchObject({ code: 0 });
  expect((await app.run('ready')).out).toMatch(/schema +default +1 +0/);
  expect((await app.run('doctor')).out).toContain(`Made ahead for isolation 'schema', server "default": 1.`);
  expect((await app.run('show', 'acme')).out).toContain('t_acme');
  expect(await app.run('ready', '--clear', '--count', '1')).toMatchObject({ code: 2 });
  expect(await app.run('ready', '--clear')).toMatchObject({ code: 0, out: 'deleted 1\n' });
  expect(await app.run('ready', '--isolation', 'row', '--count', '1')).toMatchObject({
    code: 1,
    err: expect.stringContaining('share tables'),
  });
  expect((await app.run('remove', 'acme', '--confirm', 'acme')).code).toBe(0);
});
