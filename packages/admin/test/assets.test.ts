import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { assetsModule } from '../ui/build.ts';

test('the pages that are checked in are those of ui/: run `node packages/admin/ui/build.ts`', async () => {
  const checkedIn = await readFile(new URL('../src/pages/assets.ts', import.meta.url), 'utf8');
  expect(checkedIn === (await assetsModule())).toBe(true);
});
