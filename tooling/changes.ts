import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** How many lines of each file differ between an example's folders `before` and `after`. */
export async function changedLines(example: string): Promise<{ file: string; lines: number }[]> {
  const files = (await diff(example, '--numstat')).split('\n').map((line) => line.split('\t'));
  return files.map(([added, removed, file = '']) => ({ file, lines: Number(added) + Number(removed) }));
}

/** A guide, with the one ` ```diff ` block that it has saying what differs between an example's folders. */
export async function withDiff(guide: string, example: string): Promise<string> {
  const patch = (await diff(example, '--patch', '--unified=1'))
    .replaceAll(/^(?:diff|index|similarity|new file) .*\n/gm, '')
    .replaceAll(/^(@@ .* @@).*/gm, '$1');
  return readFileSync(guide, 'utf8').replace(/(?<=```diff\n).*?(?=```\n)/s, () => `${patch}\n`);
}

/** What `git diff` says of `before` and `after`, whatever git is set to on this machine. */
async function diff(example: string, ...options: readonly string[]): Promise<string> {
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
