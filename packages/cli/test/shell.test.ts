import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, ctrlD, enter, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom'] });
});
afterAll(() => app[Symbol.asyncDispose]());

test('a prompt stays in the tenant, line after line, with top-level await, entities and a history', async () => {
  const terminal = app.onTerminal('shell', 'acme');
  await terminal.until('acme: em, orm, tenancy, tenant, entities');
  await terminal.until('acme> ');
  terminal.type(`em.create(Task, { title: 'typed' }); await em.flush()${enter}`);
  await terminal.until('undefined');
  terminal.type(`const [task] = await em.find(Task, {})${enter}`);
  await terminal.until('undefined');
  terminal.type(`setTimeout(async () => console.log('later:', await em.count(Task), tenant.id), 1)${enter}`);
  await terminal.until('later: 1 acme');
  terminal.type(`[task.title, double(21), new Date() instanceof Date]${enter}`);
  await terminal.until("[ 'typed', 42, true ]");
  terminal.type(ctrlD);
  expect(await terminal.ended).toBe(0);

  const again = app.onTerminal('shell', 'bloom');
  await again.until('bloom> ');
  again.type(`\x1b[A`);
  await again.until('task.title, double(21)');
  again.type(`\x15await em.count(Task)${enter}`);
  await again.until('\r\n0');
  again.type(`.exit${enter}`);
  expect(await again.ended).toBe(0);
});

test('an error at the prompt is one line, and the error itself is in _error', async () => {
  const terminal = app.onTerminal('shell', 'acme');
  await terminal.until('acme> ');
  terminal.type(`await em.execute('select * from nowhere')${enter}`);
  await terminal.until('Uncaught');
  await terminal.until('TableNotFoundException: relation "nowhere" does not exist\r\n');
  terminal.type(`_error.code + '!'${enter}`);
  await terminal.until("'42P01!'");
  expect(terminal.shown()).not.toMatch(/node_modules|node:|routine/);
  terminal.type(ctrlD);
  expect(await terminal.ended).toBe(0);
});

test('-e prints the value of an expression, or what statements return', async () => {
  expect(await app.run('shell', 'bloom', '-e', 'await em.count(Task)')).toEqual({ code: 0, out: '0\n', err: '' });
  const statements = 'const task = em.create(Task, { title: "x" }); await em.flush(); return task.title;';
  expect(await app.run('shell', 'bloom', '-e', statements)).toEqual({ code: 0, out: 'x\n', err: '' });
  expect(await app.run('shell', '--central', '-e', 'await em.count(Company)')).toMatchObject({ code: 0, out: '2\n' });
});

test('a script comes from standard input', async () => {
  const input = '// how many\nconst all = await em.find(Task, {});\nconsole.log(tenant.id, all.length);\n';
  expect(await app.runWith({ input }, 'shell', 'acme')).toEqual({ code: 0, out: 'acme 1\n', err: '' });
});

test.each([
  ['throw new Error("boom")', 'error: boom\n'],
  ['await em.execute("select * from nowhere")', 'error: relation "nowhere" does not exist\n'],
  ['const a = {', 'error: Unexpected token'],
  ['await em.count(Company)', 'error ENTITY_OUT_OF_SCOPE'],
])('%s fails the command, without a stack', async (code, why) => {
  const ended = await app.run('shell', 'acme', '-e', code);
  expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining(why) });
  expect(ended.err).not.toContain('    at ');
});

test('a shell is in one tenant, or in central', async () => {
  expect(await app.run('shell')).toMatchObject({ code: 2, err: 'error: Pass one tenant id, or --central.\n' });
  expect(await app.run('shell', 'nobody', '-e', '1')).toMatchObject({ code: 1 });
});
