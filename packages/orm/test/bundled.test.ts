import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../../../tooling/packages.ts';

const run = promisify(execFile);

test.each([
  ['minified', ['--minify']],
  ['minified, with async functions lowered', ['--minify', '--target=es2016', '--supported:bigint=true']],
])('an application that is bundled runs as it is: %s', { timeout: 300_000 }, async (_, options) => {
  const folder = await mkdtemp(join(tmpdir(), 'omnitenant-bundled-'));
  try {
    const bundle = join(folder, 'app.mjs');
    await run(join(root, 'node_modules/.bin/esbuild'), [
      fileURLToPath(new URL('fixtures/bundled-app.ts', import.meta.url)),
      '--bundle',
      ...options,
      '--platform=node',
      '--format=esm',
      '--conditions=@omnitenant/source',
      '--external:@electric-sql/pglite',
      '--external:tinyglobby',
      '--external:dataloader',
      '--external:pg-native',
      '--log-level=error',
      `--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
      `--outfile=${bundle}`,
    ]);
    // PGlite stays outside of the bundle, because it loads files beside its own.
    const text = await readFile(bundle, 'utf8');
    await writeFile(bundle, text.replaceAll('"@electric-sql/pglite"', JSON.stringify(await pgliteUrl())));
    const { stdout } = await run(process.execPath, [bundle]);
    expect(JSON.parse(stdout)).toEqual([1, 0]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Where PGlite is, which only its driver depends on. */
async function pgliteUrl(): Promise<string> {
  const driver = dirname(await realpath(fileURLToPath(import.meta.resolve('@mikro-orm/pglite'))));
  return pathToFileURL(await realpath(join(driver, '../../@electric-sql/pglite/dist/index.js'))).href;
}
