import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, packages, root, sources } from './packages.ts';

/**
 * Who may import whom: express | koa | hono → core ← orm | cache | queue ← cli. `core` imports no framework, no ORM and
 * no client; the others import the libraries that their package.json names. A new package needs a line here.
 */
const mayImport: Record<string, { packages: readonly string[]; libraries?: readonly string[] }> = {
  core: { packages: [], libraries: ['lru-cache'] },
  orm: { packages: ['core'] },
  cache: { packages: ['core'] },
  queue: { packages: ['core'] },
  express: { packages: ['core'], libraries: ['express'] },
  koa: { packages: ['core'], libraries: ['koa'] },
  hono: { packages: ['core'], libraries: ['hono'] },
  cli: { packages: ['core', 'orm', 'cache', 'queue'] },
};

describe.each(packages())('@omnitenant/$folder', ({ folder, path, manifest }) => {
  const rule = mayImport[folder];
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const shipped = sources(join(path, 'src')).filter((file) => !file.includes('/src/fixtures/'));
  const files = shipped.map((file) => ({ file, imports: importsOf(readFileSync(file, 'utf8')) }));

  test('imports what it may, and declares it', () => {
    if (!rule) throw new Error(`tooling/boundaries.test.ts does not say what ${manifest.name} may import.`);
    const allowed = (rule.libraries ?? declared.filter((name) => !name.startsWith('@omnitenant/'))).concat(
      rule.packages.map((name) => `@omnitenant/${name}`),
    );
    const outside = files.flatMap(({ file, imports }) =>
      imports
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .filter((name) => !allowed.includes(libraryOf(name)) || !declared.includes(libraryOf(name)))
        .map((name) => `${relative(root, file)} imports ${name}`),
    );
    expect(outside).toEqual([]);
  });

  test('reaches into no other package by path', () => {
    const outside = files.flatMap(({ file, imports }) =>
      imports
        .filter((name) => name.startsWith('.') && !join(dirname(file), name).startsWith(join(path, 'src')))
        .map((name) => `${relative(root, file)} imports ${name}`),
    );
    expect(outside).toEqual([]);
  });

  test('does not ship what only its tests use', () => {
    // What is made for tests that are written with it may lean on a runner.
    const forRunners = join('testing', 'kit', 'vitest.ts');
    const testOnly = files
      .filter(({ file }) => !file.endsWith(forRunners))
      .flatMap(({ file, imports }) =>
        imports
          .filter((name) => name.endsWith('.test.ts') || ['vitest', '@omnitenant/tooling'].includes(libraryOf(name)))
          .map((name) => `${relative(root, file)} imports ${name}`),
      );
    expect(testOnly).toEqual([]);
  });
});

test('every way to import is seen, and nothing in a comment', () => {
  const code = `
    import a from 'a'; import type { B } from "b/types";
    import 'c'; export * from './d.ts'; export { e } from 'e';
    import {
      f,
      type G,
    } from '@scope/f/g';
    const h = await import('h'); type I = import('i').I;
    // import j from 'j';
    /** @example import k from 'k'; */
    const url = 'https://l'; // import('m')
    export const n = 'n';
  `;
  expect(importsOf(code).sort()).toEqual(['./d.ts', '@scope/f/g', 'a', 'b/types', 'c', 'e', 'h', 'i']);
});

function libraryOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}
