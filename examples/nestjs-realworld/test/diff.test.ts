import { join } from 'node:path';
import { changedLines, withDiff } from '@omnitenant/tooling/changes';
import { expect, test } from 'vitest';

const example = join(import.meta.dirname, '..');
const guide = join(example, '../../docs/guide/nestjs-realworld.md');

test('40 lines change at most, tests included, and none of them in entities, migrations or controllers', async () => {
  const changed = await changedLines(example);
  expect(changed.map(({ file }) => file).sort()).toEqual([
    '/dev/null => after/omnitenant.config.ts',
    '/dev/null => after/src/tenancy.ts',
    'before/src/migrations/.snapshot-blog.json => after/src/migrations/.snapshot-tenant.json',
    '{before => after}/src/app.module.ts',
    '{before => after}/src/mikro-orm.config.ts',
    '{before => after}/src/user/user.service.ts',
    '{before => after}/test/server.ts',
  ]);
  expect(changed.reduce((sum, { lines }) => sum + lines, 0)).toBeLessThanOrEqual(40);
});

// `vitest run -u` writes it.
test('the guide shows it as it is', async () => {
  await expect(await withDiff(guide, example)).toMatchFileSnapshot(guide);
});
