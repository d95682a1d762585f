import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Module {
  readonly default?: unknown;
}

/**
 * Imports a module of the application. Node runs plain TypeScript itself. If Node refuses the code (decorators, enums,
 * imports of `.ts` files as `.js`) and the application has tsx, tsx loads it and everything imported after it.
 */
export async function importModule(path: string): Promise<Module> {
  const module: Module = await load(path);
  // When tsx compiles to CommonJS, Node exposes `module.exports` as the default.
  const inner = module.default as (Module & { readonly __esModule?: boolean }) | undefined;
  return inner?.__esModule ? inner : module;
}

async function load(path: string): Promise<Module> {
  const { href } = pathToFileURL(path);
  // Node caches a refusal of CommonJS, so tsx has to be registered before the first attempt.
  if (isCommonJs(path)) await registerTsx(path);
  try {
    return await import(href);
  } catch (error) {
    if (!isSyntaxRefusal(error) || !(await registerTsx(path))) throw error;
    return import(href);
  }
}

/** True if Node refused to load the code; false if the code ran and failed. */
export function isSyntaxRefusal(error: unknown): boolean {
  return error instanceof SyntaxError || refusals.includes((error as { code?: string } | undefined)?.code ?? '');
}

const refusals = [
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_MODULE_NOT_FOUND',
];

async function registerTsx(path: string): Promise<boolean> {
  const tsx = await import('tsx/esm/api').catch(() => undefined);
  const tsconfig = nearest('tsconfig.json', dirname(path));
  tsx?.register(tsconfig === undefined ? {} : { tsconfig });
  return tsx !== undefined;
}

function isCommonJs(path: string): boolean {
  const manifest = nearest('package.json', dirname(path));
  return (
    /\.[jt]s$/.test(path) && manifest !== undefined && JSON.parse(readFileSync(manifest, 'utf8')).type === 'commonjs'
  );
}

function nearest(name: string, folder: string): string | undefined {
  const file = join(folder, name);
  if (existsSync(file)) return file;
  return dirname(folder) === folder ? undefined : nearest(name, dirname(folder));
}
