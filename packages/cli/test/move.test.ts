import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme'] });
});
afterAll(() => app[Symbol.asyncDispose]());

test('moves a tenant with its rows, says what it does, and refuses what says nothing or too much', async () => {
  await app.run('shell', 'acme', '-e', 'await em.insert(Task, { title: "of acme" })');
  expect(await app.run('move', 'acme')).toMatchObject({ code: 2, err: expect.stringContaining('--resume or --undo') });
  expect(await app.run('move', 'acme', '--isolation', 'database', '--undo')).toMatchObject({ code: 2 });
  expect(await app.run('move', 'acme', '--resume', '--forget')).toMatchObject({ code: 2 });
  expect(await app.run('move', 'acme', '--resume')).toMatchObject({
    code: 1,
    err: expect.stringContaining('Say where'),
  });
  expect(await app.run('move', 'acme', '--isolation', 'row', '--online', 'required')).toMatchObject({
    code: 1,
    err: expect.stringContaining('cannot be written to while it is moved'),
  });
  const moved = await app.run('move', 'acme', '--isolation', 'database', '--online', 'never');
  expect(moved).toMatchObject({ code: 0, out: expect.stringContaining('moved "acme"') });
  expect(moved.err).toContain('it can only be read while it is copied, as its caller said so');
  expect(moved.err).toMatch(/writes were refused for \d+ ms/);
  expect(await app.run('shell', 'acme', '-e', 'await em.count(Task)')).toMatchObject({ out: '1\n' });
  const back = await app.run('move', 'acme', '--isolation', 'schema', '--json');
  expect(JSON.parse(back.out)).toMatchObject({
    id: 'acme',
    isolation: 'schema',
    placement: { schema: 't_acme_2' },
    readOnlyMs: expect.any(Number),
  });
  expect(await app.run('move', 'acme', '--undo', '--forget')).toMatchObject({ code: 0 });
  expect(await app.run('remove', 'acme', '--confirm', 'acme')).toMatchObject({ code: 0 });
});
