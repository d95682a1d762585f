import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, ctrlC, enter, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme'] });
});
afterAll(() => app[Symbol.asyncDispose]());

function users() {
  return app.run(
    'shell',
    'acme',
    '-e',
    '(await em.find(User, {})).map(({ email, hash, role }) => [email, hash, role].join())',
  );
}
function hashOf(password: string) {
  return createHash('sha256').update(password).digest('hex');
}

test('a typed password is not shown, and reaches the createSuperuser function', async () => {
  const terminal = app.onTerminal('create-superuser', 'acme');
  await terminal.until('Email');
  terminal.type(`ann@acme.com${enter}`);
  await terminal.until('Role');
  terminal.type(`\x1b[B${enter}`);
  await terminal.until('Password');
  terminal.type(`correct horse${enter}`);
  await terminal.until('Repeat');
  terminal.type(`correct horse${enter}`);
  expect(await terminal.ended).toBe(0);
  expect(terminal.shown()).toContain('created superuser ann@acme.com in "acme"');
  expect(terminal.raw()).not.toContain('correct');
  expect((await users()).out).toContain(`ann@acme.com,${hashOf('correct horse')},owner`);
});

test('two different passwords create no superuser', async () => {
  const terminal = app.onTerminal('create-superuser', 'acme', '--email', 'bob@acme.com', '--field', 'role=admin');
  await terminal.until('Password');
  terminal.type(`one${enter}`);
  await terminal.until('Repeat');
  terminal.type(`two${enter}`);
  expect(await terminal.ended).toBe(2);
  expect((await users()).out).not.toContain('bob');
});

test('Ctrl-C at a prompt changes nothing, and says so', async () => {
  const terminal = app.onTerminal('create-superuser', 'acme');
  await terminal.until('Email');
  terminal.type(ctrlC);
  expect(await terminal.ended).toBe(130);
  expect(terminal.shown()).toContain('Cancelled; nothing was changed.');
});

test('a script passes the password on standard input', async () => {
  const call = ['create-superuser', 'acme', '--email', 'cy@acme.com', '--password-stdin'];
  const done = await app.runWith({ input: 'from a file\n' }, ...call);
  expect(done).toMatchObject({ code: 0, out: 'created superuser cy@acme.com in "acme"\n' });
  expect((await users()).out).toContain(`cy@acme.com,${hashOf('from a file')},admin`);
  const wrong = await app.runWith({ input: 'x' }, ...call, '--field', 'role=king');
  expect(wrong).toMatchObject({ code: 2, err: 'error: "king" is no role. Choose one of: admin, owner.\n' });
  expect((await app.runWith({ input: 'x' }, ...call, '--field', 'rank=1')).err).toContain('superuserFields are: role.');
});

test('a script that passes none is told how', async () => {
  const refused = await app.run('create-superuser', 'acme', '--email', 'dee@acme.com');
  expect(refused).toMatchObject({ code: 2, err: 'error: Not running interactively; pass --password-stdin.\n' });
});
