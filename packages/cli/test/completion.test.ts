import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { shellScripts } from '../src/terminal/shell-scripts.ts';
import { node } from './fixtures/command.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'omnitenant-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

// The command as it is installed: by its name, on the PATH.
const command = join(folder, 'omnitenant');
const bin = join(import.meta.dirname, '../src/bin.ts');
writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' ${node.join(' ')} '${bin}' "$@"\n`);
chmodSync(command, 0o755);
const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) };

async function complete(line: string): Promise<string[]> {
  const script = `eval "$(omnitenant completion bash)"; COMP_LINE=$1; COMP_POINT=\${#1}; _omnitenant; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script, 'bash', line], { env });
  return stdout.split('\n').filter(Boolean);
}

test.each([
  ['omnitenant mig', ['migrate', 'migration:create']],
  ['omnitenant migration:c', ['create']],
  ['omnitenant list --sta', ['--status']],
  ['omnitenant -c a.ts list --status sus', ['suspended']],
  ['omnitenant domains ', ['list', 'add', 'remove', 'claim', 'verify', 'claims', 'release', 'free']],
  ['omnitenant nothing-such', []],
])('bash completes "%s"', async (line, expected) => {
  expect(await complete(line)).toEqual(expected);
});

for (const shell of ['zsh', 'fish'] as const) {
  const isInstalled = spawnSync(shell, ['--version']).error === undefined;
  test.skipIf(!isInstalled)(`${shell} understands its script`, async () => {
    const script = join(folder, `script.${shell}`);
    writeFileSync(script, shellScripts[shell]);
    expect(await run(shell, ['-n', script])).toEqual({ stdout: '', stderr: '' });
  });
}
