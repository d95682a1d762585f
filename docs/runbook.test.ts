import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'vitest';
import { openApplication } from '../packages/cli/test/fixtures/command.ts';

const page = await readFile(new URL('./guide/runbook.md', import.meta.url), 'utf8');
const commands = [...page.matchAll(/^omnitenant (.+)$/gm)].map(([, line = '']) => words(line));

test('the commands of the runbook do what it says, one after another', { timeout: 600_000 }, async () => {
  assert.ok(commands.length > 20);
  await using app = await openApplication({ tenants: ['acme', 'bloom'] });
  for (const command of commands) {
    if (command[0] === 'repair') {
      const stuck = `await em.execute("update company set status = 'provisioning' where id = '${command[1]}'")`;
      await app.run('shell', '--central', '-e', stuck);
    }
    const { code, out, err } = await app.run(...command);
    assert.equal(code, 0, `omnitenant ${command.join(' ')}\n${out}${err}`);
  }
});

/** The arguments of a line of the shell, without its comment. */
function words(line: string): string[] {
  const parts = line.replace(/\s+# .*$/, '').matchAll(/'([^']*)'|(\S+)/g);
  return [...parts].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
