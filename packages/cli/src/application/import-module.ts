import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Module {
  readonly default?: unknown;
}

/**
 * Imports a module of the application. Node runs plain TypeScript itself; what it does not (decorators, enums, imports
 * of `.ts` files by `.js`) is left to tsx, where the application has it, from then on and for all that is imported later.
 */
export async function importModule(path: string): Promise<Module> {
  const module: Module = await load(path);
  // Of what tsx makes CommonJS of, Node gives `module.exports` as the default.
  const inner = module.default as (Module & { readonly __esModule?: boolean }) | undefined;
  return inner?.__esModule ? inner : module;
}

async function load(path: string): Promise<Module> {
  const { href } = pathToFileURL(path);
  // What Node has once refused as CommonJS, it does not look at again.
  if (isCommonJs(path)) await registerTsx(path);
  try {
    return await import(href);
  } catch (error) {
    if (!isOfSyntax(error) || !(await registerTsx(path))) throw error;
    return import(href);
  }
}

/** Whether Node refused the code, rather than the code having failed. */
export function isOfSyntax(error: unknown): boolean {
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
