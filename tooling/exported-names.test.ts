import { expect, test } from 'vitest';
import { exportedNames } from './exported-names.ts';
import { entryPoints, packages } from './packages.ts';

const entries = packages().flatMap(entryPoints);

// exported-names.txt is the public surface: widening it is a line in a diff. `npx -y pnpm@12 test -u` writes it.
test('the packages export what exported-names.txt says', async () => {
  const text = entries.map(({ name, source }) =>
    [name, ...exportedNames(source).map((line) => `  ${line}`)].join('\n'),
  );
  await expect(`${text.join('\n\n')}\n`).toMatchFileSnapshot('exported-names.txt');
});

test.each(entries)('$name exports at run time the values that its text names', async ({ source }) => {
  const values = exportedNames(source).filter((name) => !name.startsWith('type '));
  expect(Object.keys(await import(source)).sort()).toEqual(values.sort());
});
