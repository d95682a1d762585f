import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, ctrlC, node, openApplication } from './fixtures/command.ts';
import { lockTasks } from './fixtures/lock-tasks.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom', 'cobalt', 'drift'] });
  await app.run('suspend', 'drift');
  await app.run('shell', 'bloom', '-e', 'await em.insert(Task, { title: "a task" })');
});
afterAll(() => app[Symbol.asyncDispose]());

function lines(text: string) {
  return text.trim().split('\n');
}
const child = ['--', process.execPath, ...node, 'job.ts'];

test('a script runs in the scope of one tenant, with its arguments', async () => {
  const { code, out, err } = await app.run('run', '--tenant', 'bloom', 'report.ts', '--', '--year', '2026');
  expect({ code, out, err }).toEqual({ code: 0, out: 'bloom has 1 tasks --year 2026\n', err: '' });
});

test('a script runs in each active tenant, and what fails stops nobody else', async () => {
  const { code, out, err } = await app.run('run', '--all', 'report.ts', '--', '--fail=acme');
  expect(code).toBe(1);
  expect(lines(out)).toEqual(['bloom has 1 tasks --fail=acme', 'cobalt has 0 tasks --fail=acme']);
  expect(lines(err)).toEqual([
    'failed acme: the report of acme fails',
    '2 succeeded, 1 failed, 0 not begun',
    'Those that failed: --tenant acme',
  ]);
});

test('a command runs once for each tenant, several at a time, its lines under the name of the tenant', async () => {
  const { code, out } = await app.run('run', '--tenant', 'acme', '--tenant', 'b*', '--concurrency', '2', ...child);
  expect(code).toBe(0);
  expect(lines(out).sort()).toEqual(['acme | job of acme: 0 tasks', 'bloom | job of bloom: 1 tasks']);
});

test('a command in one tenant has standard input and output to itself', async () => {
  const program = 'process.stdin.pipe(process.stdout); process.stdin.on("end", () => process.exitCode = 3)';
  const call = ['run', '--tenant', 'acme', '--', process.execPath, '-e', program];
  const { code, out, err } = await app.runWith({ input: 'as it is' }, ...call);
  expect({ code, out }).toEqual({ code: 1, out: 'as it is' });
  expect(err).toContain('ended with exit code 3');
});

test('no more tenants are begun once too many have failed', async () => {
  const call = ['run', '--all', '--max-failures', '0', 'report.ts', '--', '--fail=acme'];
  const { code, out, err } = await app.run(...call);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('0 succeeded, 1 failed, 2 not begun');
  expect(err).toContain('To go on: the same command with --from bloom');
  expect((await app.run('run', '--all', '--from', 'bloom', 'report.ts')).out).toMatch(/^bloom .*\ncobalt .*\n$/);
});

test('Ctrl-C lets the tenant that is under way finish, and says how to go on', async () => {
  await using lock = await lockTasks(app, 'acme');
  const terminal = app.onTerminal('run', '--all', 'report.ts');
  await lock.waitedFor();
  terminal.type(ctrlC);
  await terminal.until('Finishing what is under way');
  await lock.release();
  expect(await terminal.ended).toBe(1);
  expect(terminal.shown()).toContain('acme has 0 tasks');
  expect(terminal.shown()).toContain('1 succeeded, 0 failed, 2 not begun');
  expect(terminal.shown()).toContain('--from bloom');
});

test('on a terminal, what scripts print and what fails stands above the bar', async () => {
  const terminal = app.onTerminal('run', '--all', 'report.ts', '--', '--fail=bloom');
  expect(await terminal.ended).toBe(1);
  // The line of the bar is cleared, and then written to.
  const cleared = '\x1b[2K';
  expect(terminal.raw()).toContain(`${cleared}cobalt has 0 tasks`);
  expect(terminal.raw()).toContain(`${cleared}\x1b[31mfailed\x1b[39m bloom: the report of bloom fails`);
  expect(terminal.shown()).toMatch(/running █{10}░{20} 1\/3 · 0 failed · acme/);
  expect(terminal.raw().lastIndexOf('█')).toBeLessThan(terminal.raw().indexOf('2 succeeded, 1 failed'));
});

test('a second Ctrl-C stops at once', async () => {
  await using lock = await lockTasks(app, 'acme');
  const terminal = app.onTerminal('run', '--tenant', 'bloom', '--tenant', 'acme', '--concurrency', '2', 'report.ts');
  await terminal.until('bloom has');
  await lock.waitedFor();
  terminal.type(ctrlC);
  await terminal.until('Finishing what is under way');
  terminal.type(ctrlC);
  expect(await terminal.ended).toBe(130);
  // The bar had hidden the cursor.
  expect(terminal.raw().lastIndexOf('\x1b[?25h')).toBeGreaterThan(terminal.raw().lastIndexOf('\x1b[?25l'));
});

test.each([
  [['--all'], 'Say what to run'],
  [['report.ts'], 'Say which tenants'],
  [['--all', 'report.ts', 'x'], 'go after --'],
  [['--all', 'nowhere.ts'], 'There is no file nowhere.ts'],
  [['--all', 'entities.ts'], 'exports no function by default'],
  [['--tenant', 'z*', 'report.ts'], 'No active tenant fits'],
])('run %j is refused, with what to do', async (args, why) => {
  expect(await app.run('run', ...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(why) });
});

test('a suspended tenant is closed to scripts and commands as well', async () => {
  for (const what of [['report.ts'], child]) {
    const { code, out, err } = await app.run('run', '--tenant', 'drift', ...what);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('TENANT_SUSPENDED');
  }
});

test('a command that is not there is a failure', async () => {
  const { code, err } = await app.run('run', '--tenant', 'acme', '--', 'no-such-program');
  expect(code).toBe(1);
  expect(err).toContain('no-such-program could not be started (ENOENT)');
});
