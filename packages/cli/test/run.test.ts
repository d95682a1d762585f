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

test('a script runs in each active tenant, and a failure does not stop the others', async () => {
  const { code, out, err } = await app.run('run', '--all', 'report.ts', '--', '--fail=acme');
  expect(code).toBe(1);
  expect(lines(out)).toEqual(['bloom has 1 tasks --fail=acme', 'cobalt has 0 tasks --fail=acme']);
  expect(lines(err)).toEqual([
    'failed "acme": the report of acme fails',
    '2 succeeded, 1 failed, 0 not started',
    'To run the failed ones again: --tenant acme',
  ]);
});

test('a command runs once for each tenant, several at a time, each line with the id of its tenant', async () => {
  const { code, out } = await app.run('run', '--tenant', 'acme', '--tenant', 'b*', '--concurrency', '2', ...child);
  expect(code).toBe(0);
  expect(lines(out).sort()).toEqual(['acme | job of acme: 0 tasks', 'bloom | job of bloom: 1 tasks']);
});

test('a command in one tenant inherits standard input and output', async () => {
  const program = 'process.stdin.pipe(process.stdout); process.stdin.on("end", () => process.exitCode = 3)';
  const call = ['run', '--tenant', 'acme', '--', process.execPath, '-e', program];
  const { code, out, err } = await app.runWith({ input: 'as it is' }, ...call);
  expect({ code, out }).toEqual({ code: 1, out: 'as it is' });
  expect(err).toContain('ended with exit code 3');
});

test('no more tenants are started after too many failures', async () => {
  const call = ['run', '--all', '--max-failures', '0', 'report.ts', '--', '--fail=acme'];
  const { code, out, err } = await app.run(...call);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('0 succeeded, 1 failed, 2 not started');
  expect(err).toContain('To continue: the same command with --from bloom');
  expect((await app.run('run', '--all', '--from', 'bloom', 'report.ts')).out).toMatch(/^bloom .*\ncobalt .*\n$/);
});

test('Ctrl-C finishes the tenant in progress, and says how to continue', async () => {
  await using lock = await lockTasks(app, 'acme');
  const terminal = app.onTerminal('run', '--all', 'report.ts');
  await lock.waitedFor();
  terminal.type(ctrlC);
  await terminal.until('Finishing the work in progress');
  await lock.release();
  expect(await terminal.ended).toBe(1);
  expect(terminal.shown()).toContain('acme has 0 tasks');
  expect(terminal.shown()).toContain('1 succeeded, 0 failed, 2 not started');
  expect(terminal.shown()).toContain('--from bloom');
});

test('on a terminal, output of scripts and failures appear above the bar', async () => {
  const terminal = app.onTerminal('run', '--all', 'report.ts', '--', '--fail=bloom');
  expect(await terminal.ended).toBe(1);
  // The line of the bar is cleared before it is written to.
  const cleared = '\x1b[2K';
  expect(terminal.raw()).toContain(`${cleared}cobalt has 0 tasks`);
  expect(terminal.raw()).toContain(`${cleared}\x1b[31mfailed\x1b[39m "bloom": the report of bloom fails`);
  expect(terminal.shown()).toMatch(/running █{10}░{20} 1\/3 · 0 failed · acme/);
  expect(terminal.raw().lastIndexOf('█')).toBeLessThan(terminal.raw().indexOf('2 succeeded, 1 failed'));
});

test('a second Ctrl-C stops immediately', async () => {
  await using lock = await lockTasks(app, 'acme');
  const terminal = app.onTerminal('run', '--tenant', 'bloom', '--tenant', 'acme', '--concurrency', '2', 'report.ts');
  await terminal.until('bloom has');
  await lock.waitedFor();
  terminal.type(ctrlC);
  await terminal.until('Finishing the work in progress');
  terminal.type(ctrlC);
  expect(await terminal.ended).toBe(130);
  // The bar had hidden the cursor.
  expect(terminal.raw().lastIndexOf('\x1b[?25h')).toBeGreaterThan(terminal.raw().lastIndexOf('\x1b[?25l'));
});

test.each([
  [['--all'], 'Pass a script'],
  [['report.ts'], 'Name the tenants'],
  [['--all', 'report.ts', 'x'], 'after --'],
  [['--all', 'nowhere.ts'], 'File "nowhere.ts" does not exist'],
  [['--all', 'entities.ts'], 'must export a function by default'],
  [['--tenant', 'z*', 'report.ts'], 'No active tenant matches'],
])('run %j is refused, with what to do', async (args, why) => {
  expect(await app.run('run', ...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(why) });
});

test('a suspended tenant refuses scripts and commands', async () => {
  for (const what of [['report.ts'], child]) {
    const { code, out, err } = await app.run('run', '--tenant', 'drift', ...what);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('TENANT_SUSPENDED');
  }
});

test('a command that does not exist is a failure', async () => {
  const { code, err } = await app.run('run', '--tenant', 'acme', '--', 'no-such-program');
  expect(code).toBe(1);
  expect(err).toContain('Could not start "no-such-program" (ENOENT)');
});
