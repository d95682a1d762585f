import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, enter, openApplication } from './fixtures/command.ts';

const down = '\x1b[B';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: [] });
});
afterAll(() => app[Symbol.asyncDispose]());

test('asks for everything a tenant needs, and again after an invalid answer', async () => {
  const terminal = app.onTerminal('create');
  await terminal.until('Tenant id');
  terminal.type(`Bad${enter}`);
  await terminal.until('Use lower-case letters');
  terminal.type(`\x7f\x7f\x7facme${enter}`);
  await terminal.until('Name');
  terminal.type(` Inc${enter}`);
  await terminal.until('How should tenants be isolated?');
  terminal.type(`${down}${enter}`);
  await terminal.until('On which server?');
  terminal.type(enter);
  await terminal.until('Domains');
  terminal.type(`acme com!${enter}`);
  await terminal.until('"acme" is not a domain');
  terminal.type(`${'\x7f'.repeat(9)}acme.com, acme.org${enter}`);
  await terminal.until('plan (Enter for none)');
  terminal.type(enter);
  await terminal.until('apiToken (Enter for none)');
  terminal.type(`hunter2${enter}`);
  await terminal.until('seats (Enter for none)');
  terminal.type(`many${enter}`);
  await terminal.until('It must be a number.');
  terminal.type(`${'\x7f'.repeat(4)}7${enter}`);
  expect(await terminal.ended).toBe(0);
  expect(terminal.shown()).toContain('created "acme": acme Inc, active, schema');
  expect(terminal.raw()).not.toContain('hunter2');

  const { out } = await app.run('show', 'acme', '--json');
  expect(JSON.parse(out)).toMatchObject({
    name: 'acme Inc',
    plan: 'free',
    apiToken: '***',
    seats: 7,
    domains: [
      { host: 'acme.com', primary: true },
      { host: 'acme.org', primary: false },
    ],
    migrations: { last: 'Migration20260201AddDone', pending: [] },
  });
});

test('an id that is taken is reported before the other questions', async () => {
  await app.run('create', 'taken');
  const terminal = app.onTerminal('create');
  await terminal.until('Tenant id');
  terminal.type(`taken${enter}`);
  expect(await terminal.ended).toBe(1);
  expect(terminal.shown()).toContain('error TENANT_EXISTS');
});

test('asks for the server of a tenant of its own, whose URL is not shown', async () => {
  const terminal = app.onTerminalWith({ env: { OMNITENANT_KEYS: '' } }, 'create', '--isolation', 'database');
  await terminal.until('Tenant id');
  terminal.type(`eden${enter}`);
  await terminal.until('Name');
  terminal.type(enter);
  await terminal.until('On which server?');
  terminal.type(`${down}${down}${enter}`);
  await terminal.until('Server URL');
  terminal.type(`postgres://a:hunter2@127.0.0.1/${enter}`);
  expect(await terminal.ended).toBe(1);
  expect(terminal.shown()).toContain('OMNITENANT_KEYS');
  expect(terminal.raw()).not.toContain('hunter2');
});

test('takes everything from options, and prints the tenant as JSON', async () => {
  const call = ['create', 'bloom', '--name', 'Bloom', '--domain', 'bloom.com', '--schema', 'flowers'];
  const further = ['--columns', '{"plan":"pro"}', '--tenant-config', '{"locale":"nl"}', '--json'];
  const { code, out } = await app.run(...call, ...further);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ id: 'bloom', status: 'active', placement: { schema: 'flowers' } });
  const shown = JSON.parse((await app.run('show', 'bloom', '--json')).out);
  expect(shown).toMatchObject({ plan: 'pro', config: { locale: 'nl' } });
});

test('a tenant gets a database of its own', async () => {
  const { code, out } = await app.run('create', 'cobalt', '--isolation', 'database');
  expect({ code, out }).toEqual({ code: 0, out: `created "cobalt": cobalt, active, database ${app.prefix}cobalt\n` });
  expect((await app.run('remove', 'cobalt', '--confirm', 'cobalt')).code).toBe(0);
});

test('without a terminal it asks nothing, and says what to pass', async () => {
  const { code, err } = await app.run('create');
  expect({ code, err }).toEqual({
    code: 2,
    err: 'error: Not running interactively; pass the id: omnitenant create <id>.\n',
  });
});

test('an id that is taken is refused, in two lines', async () => {
  await app.run('create', 'drift');
  const { code, err } = await app.run('create', 'drift');
  expect(code).toBe(1);
  expect(err).toMatch(/^error TENANT_EXISTS: [^\n]+\n {2}Show it with: omnitenant show drift\n$/);
});
