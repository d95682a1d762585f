import { existsSync, readFileSync } from 'node:fs';

/** How the application in the current folder is written, as far as files that `init` writes have to fit in. */
export interface Project {
  /** Whether its modules may await at their top: they are no CommonJS. */
  readonly isModule: boolean;
  /** How its own files are named in imports. */
  readonly ending: 'ts' | 'js';
}

export function readProject(): Project {
  const isModule = !/"type"\s*:\s*"commonjs"/.test(textOf('package.json'));
  // Node itself runs imports of .ts files; without the option of the compiler that allows them, tsx runs those of .js files.
  const refusesTs = existsSync('tsconfig.json') && !tsImports.test(textOf('tsconfig.json'));
  return { isModule, ending: refusesTs && existsSync('node_modules/tsx') ? 'js' : 'ts' };
}

const tsImports = /"(allowImportingTsExtensions|rewriteRelativeImportExtensions|extends)"/;

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
