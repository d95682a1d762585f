import { expect, test } from 'vitest';
import { rollUp, surfaces } from './declarations.ts';
import { entryPoints, packages } from './packages.ts';

const all = surfaces(packages().flatMap(entryPoints));

// exported-names.txt is the public surface: a new name, option or return type is a line in a diff.
// `npx -y pnpm@12 test tooling/exported-names -u` writes it.
test('the packages declare what exported-names.txt says', async () => {
  await expect(rollUp(all)).toMatchFileSnapshot('exported-names.txt');
});

test.each(all)('$name exports at run time the values that it declares', async ({ source, exported }) => {
  const values = [...exported].filter(([, { text }]) => /^(?:abstract )?(?:const|function|class) /.test(text));
  expect(Object.keys(await import(source)).sort()).toEqual(values.map(([name]) => name).sort());
});
