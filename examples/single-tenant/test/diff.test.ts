import { join } from 'node:path';
import { changedLines, withDiff } from '@omnitenant/tooling/changes';
import { expect, test } from 'vitest';

const example = join(import.meta.dirname, '..');
const guide = join(example, '../../docs/guide/single-tenant.md');

test('what changes is little, and none of it in entities, migrations or routes', async () => {
  const changed = await changedLines(example);
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
  await expect(await withDiff(guide, example)).toMatchFileSnapshot(guide);
});
