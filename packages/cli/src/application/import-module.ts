import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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
  // CommonJS modules see each other's default exports only if all of them are required. Node caches a refusal, so tsx comes first.
  if (isCommonJs(path) && (hasLoader() || (await registerTsx(path)))) return createRequire(path)(path);
  if (keepsRefusals && /\.m?ts$/.test(path) && !hasLoader()) await registerTsx(path);
  try {
    return await import(href);
  } catch (error) {
    if (!isSyntaxRefusal(error) || !(await registerTsx(path))) throw error;
    return import(href);
  }
}

/** Whether Node remembers a refusal of each module that it has seen, so that there is no second attempt. */
const keepsRefusals = process.versions.node.startsWith('22.');

/** Whether Node runs with a loader already, which then sees to everything that Node does not run. */
function hasLoader(): boolean {
  const options = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')];
  return options.some((option) => /^(-r|--(import|require|loader|experimental-loader))(=|$)/.test(option));
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
  const tsconfig = nearest('tsconfig.json', dirname(path));
  // What is required knows no other way to be told.
  if (tsconfig !== undefined) process.env.TSX_TSCONFIG_PATH ??= tsconfig;
  const [forImport, forRequire] = await Promise.all([import('tsx/esm/api'), import('tsx/cjs/api')]).catch(() => []);
  forImport?.register();
  forRequire?.register();
  return forImport !== undefined;
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
