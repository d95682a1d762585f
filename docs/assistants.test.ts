import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'vitest';
import { agentsText } from '../packages/cli/src/application/agents-text.ts';

test('the page for coding assistants has the rules that init writes', async () => {
  const page = await readFile(new URL('./guide/assistants.md', import.meta.url), 'utf8');
  assert.equal(/^```md\n([\s\S]*?)^```$/m.exec(page)?.[1], agentsText);
});
