import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

interface Manifest {
  name: string;
  private?: boolean;
  exports?: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export interface Package {
  /** Its folder's name: `core` for `@omnitenant/core`. */
  readonly folder: string;
  readonly path: string;
  readonly manifest: Manifest;
}

/** What is published: the packages of `packages/`. */
export function packages(): Package[] {
  const folders = readdirSync(join(root, 'packages'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name: folder }) => {
    const path = join(root, 'packages', folder);
    return { folder, path, manifest: JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) };
  });
}

/** What users import, with its source file. */
export interface EntryPoint {
  readonly name: string;
  readonly source: string;
}

/** Each entry point of a package. */
export function entryPoints({ path, manifest }: Package): EntryPoint[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([key, target]) => {
    const source = typeof target === 'object' ? target['@omnitenant/source'] : undefined;
    return source === undefined ? [] : [{ name: join(manifest.name, key), source: join(path, source) }];
  });
}

/** The TypeScript files below a folder, tests left out unless asked for. */
export function sources(folder: string, { tests = false } = {}): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
    .filter((entry) => tests || !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Every module that the code names: imports, re-exports, imports of types, dynamic imports. */
export function importsOf(code: string): string[] {
  const statement = /(?:^|[;}\s])(?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?\s*['"]([^'"\n]+)['"]/g;
  const call = /\b(?:import|require|resolve)\s*\(\s*['"]([^'"\n]+)['"]/g;
  const text = withoutComments(code);
  return [...text.matchAll(statement), ...text.matchAll(call)].flatMap((match) => match[1] ?? []);
}

/** The code without its comments; what strings hold stays. */
export function withoutComments(code: string): string {
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return code.replace(tokens, (_, text: string | undefined) => text ?? ' ');
}
