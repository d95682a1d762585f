import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const example = join(import.meta.dirname, '..');
const guide = join(example, '../../docs/guide/single-tenant.md');

test('what changes is little, and none of it in entities, migrations or routes', async () => {
  const files = (await diff('--numstat')).split('\n').map((line) => line.split('\t'));
  const changed = files.map(([added, removed, file = '']) => ({ file, lines: Number(added) + Number(removed) }));
  expect(changed.map(({ file }) => file).sort()).toEqual([
    '/dev/null => after/src/add-shop.ts',
    'before/migrations/.snapshot-shop.json => after/migrations/.snapshot-tenant.json',
    ...['app', 'main', 'menu', 'mikro-orm.config', 'nightly', 'shop'].map((name) => `{before => after}/src/${name}.ts`),
    '{before => after}/test/server.ts',
  ]);
  expect(changed.reduce((sum, { lines }) => sum + lines, 0)).toBeLessThan(80);
});

// `vitest run -u` writes it.
test('the guide shows it as it is', async () => {
  const patch = (await diff('--patch', '--unified=1'))
    .replaceAll(/^(?:diff|index|similarity|new file) .*\n/gm, '')
    .replaceAll(/^(@@ .* @@).*/gm, '$1');
  const text = readFileSync(guide, 'utf8').replace(/(?<=```diff\n).*?(?=```\n)/s, () => `${patch}\n`);
  await expect(text).toMatchFileSnapshot(guide);
});

/** What `git diff` says of `before` and `after`, whatever git is set to on this machine. */
async function diff(...options: readonly string[]): Promise<string> {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const command = ['diff', '--no-index', '--no-color', '--no-ext-diff', '--no-prefix', '-M', ...options];
  // It exits with 1 where there are differences.
  const { stdout } = await promisify(execFile)('git', [...command, 'before', 'after'], { cwd: example, env }).catch(
    (error: { code: unknown; stdout: string }) => {
      if (error.code !== 1) throw error;
      return error;
    },
  );
  return stdout.trim();
}
