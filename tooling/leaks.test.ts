import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const root = join(import.meta.dirname, '..');

// Each test of that run passes; what they leave behind is what fails it.
test.each([
  ['role', /The tests left behind \(removed now\): role "omni_test_\w+_left"/],
  ['database', /The tests of this file left behind: database "omni_test_\w+" \(call drop\(\)\)/],
  ['handle', /The tests of this file left behind: an open TCPServerWrap/],
  ['rejection', /nobody waits for this/],
])('a test that leaves a %s behind fails the run', async (kind, message) => {
  const config = join(import.meta.dirname, 'fixtures', 'leaks', 'vitest.config.ts');
  const args = [vitest, 'run', '--root', root, '--config', config, `${kind}.leak.ts`];
  const env = { ...process.env, NO_COLOR: '1', VITEST: undefined };
  const failure = await promisify(execFile)(process.execPath, args, { cwd: root, env }).catch((error) => error);
  expect(failure.code).toBe(1);
  const output = `${failure.stdout}\n${failure.stderr}`;
  expect(output).toMatch(message);
  expect(output).toMatch(/^ +Tests +1 passed \(1\)$/m);
});
