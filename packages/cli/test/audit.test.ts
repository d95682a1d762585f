import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom'] });
  await app.run('suspend', 'acme');
  await app.run('maintain', 'acme');
  await app.run('suspend', 'acme');
});
afterAll(() => app[Symbol.asyncDispose]());

test('what the command did is in the audit, with who ran it, and what failed', async () => {
  const { out, code } = await app.run('audit', '--tenant', 'acme', '--json');
  const entries = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(code).toBe(0);
  const suspended = entries.filter(({ verb }) => verb === 'suspend');
  expect(suspended.map(({ outcome }) => outcome)).toEqual(['began', 'done', 'began', 'failed']);
  expect(suspended[1]).toMatchObject({ after: { status: 'suspended' } });
  for (const { tenant, actor } of suspended)
    expect([tenant, actor]).toEqual(['acme', expect.stringContaining('(command)')]);
});

test('the audit is a table, of one tenant and since a time where that is asked for', async () => {
  const { out } = await app.run('audit', '--tenant', 'acme');
  expect(out.split('\n')[0]?.trim().split(/ {2,}/)).toEqual(['time', 'verb', 'tenant', 'outcome', 'actor', 'reason']);
  expect(out).not.toContain('bloom');
  expect((await app.run('audit', '--since', '2999-01-01')).out).not.toContain('acme');
  expect((await app.run('audit', '--since', 'yesterday')).code).not.toBe(0);
});
