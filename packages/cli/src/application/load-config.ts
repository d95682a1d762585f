import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { UsageError } from '../terminal/failure.ts';
import type { OmnitenantConfig } from './config.ts';
import { importModule, isOfSyntax } from './import-module.ts';

const names = ['ts', 'mts', 'js', 'mjs'].map((ending) => `omnitenant.config.${ending}`);

/**
 * Loads the application's configuration: the file that is named, else `omnitenant.config.ts` of the current folder.
 * @throws UsageError where there is none, CONFIG_INVALID where it cannot be loaded or says nothing.
 */
export async function loadConfig(named: string | undefined): Promise<OmnitenantConfig> {
  const path = findConfig(named);
  const shown = relative(process.cwd(), path);
  const config = await importModule(path)
    .then(({ default: given }) => (typeof given === 'function' ? given() : given))
    .catch((cause: unknown) => {
      throw isTenancyError(cause) ? cause : new TenancyError('CONFIG_INVALID', failure(shown, cause), { cause });
    });
  const missing = ['tenancy', 'orm'].filter((part) => !config?.[part]);
  if (missing.length === 0) return config;
  const message = `${shown} exports no ${missing.join(' and no ')}. It has to end in: export default defineConfig({ tenancy, orm });`;
  throw new TenancyError('CONFIG_INVALID', message);
}

/** The configuration of the current folder, where there is one. */
export function ownConfig(): string | undefined {
  return names.map((name) => resolve(name)).find((path) => existsSync(path));
}

function findConfig(named: string | undefined): string {
  const path = named === undefined ? ownConfig() : resolve(named);
  if (path !== undefined && existsSync(path)) return path;
  throw new UsageError(
    named === undefined
      ? 'There is no omnitenant.config.ts in this folder. Go to the application, name the file with --config, or write one with: omnitenant init'
      : `There is no file ${named}.`,
  );
}

function failure(shown: string, cause: unknown): string {
  const why = String((cause as Error)?.message ?? cause).replace(/\.$/, '');
  return `${shown} could not be loaded: ${why}.${adviceOn(cause, why)}`;
}

function adviceOn(cause: unknown, why: string): string {
  if (/^Cannot use import statement/.test(why))
    return ' The package is CommonJS: write "type": "module" into its package.json, or install tsx: npm install -D tsx';
  if (!isOfSyntax(cause) || /^Cannot find package/.test(why)) return '';
  return ' If Node cannot run your TypeScript itself, install tsx: npm install -D tsx';
}
