import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const script = fileURLToPath(new URL('./fixtures/fetch-runtime.ts', import.meta.url));
const runtimes = [
  { command: 'bun', args: ['run'] },
  { command: 'deno', args: ['run', '--allow-net', '--allow-read', '--allow-env', '--allow-sys'] },
];

// They are run where they are on the PATH: their binaries are too large to be among the dependencies.
describe.each(runtimes)('on $command', async ({ command, args }) => {
  const isThere = await run(command, ['--version']).then(
    () => true,
    () => false,
  );

  test.skipIf(!isThere)('a fetch handler and its streams run in the tenant', async () => {
    const { stdout } = await run(command, [...args, script]);
    expect(JSON.parse(stdout)).toEqual({
      asked: ['200 acme', '200 acme acme acme', '200 bloom bloom bloom'],
      refused: '404',
      ended: 3,
    });
  });
});
