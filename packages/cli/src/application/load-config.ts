import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';
import { UsageError } from '../terminal/failure.ts';
import type { OmnitenantConfig } from './config.ts';
import { importModule, isSyntaxRefusal } from './import-module.ts';

const names = ['ts', 'mts', 'js', 'mjs'].map((ending) => `omnitenant.config.${ending}`);

/**
 * Loads the application's environment and configuration: the named file, or `omnitenant.config.ts` in the current folder.
 * @throws UsageError if there is no such file, CONFIG_INVALID if it cannot be loaded or exports no configuration.
 */
export async function loadConfig(named: string | undefined, envFile?: string): Promise<OmnitenantConfig> {
  const path = findConfig(named);
  loadEnvironment(dirname(path), envFile);
  const shown = relative(process.cwd(), path);
  const config = await withPathsOf(path, async () => {
    const { default: given } = await importModule(path);
    return typeof given === 'function' ? given() : given;
  }).catch((cause: unknown) => {
    throw isTenancyError(cause) ? cause : new TenancyError('CONFIG_INVALID', failure(shown, cause), { cause });
  });
  const unknown = unknownOption(config ?? {}, optionNames);
  if (unknown !== undefined) throw new TenancyError('CONFIG_INVALID', `The configuration in ${shown} ${unknown}`);
  const missing = ['tenancy', 'orm'].filter((part) => !config?.[part]);
  if (missing.length === 0) return config;
  const message = `${shown} exports no ${missing.join(' and no ')}. It must end with: export default defineConfig({ tenancy, orm });`;
  throw new TenancyError('CONFIG_INVALID', message);
}

/** Loads variables that are not set yet from the named file, or from `.env` beside the configuration or in the current folder. */
function loadEnvironment(folder: string, named: string | undefined): void {
  const paths = named === undefined ? [join(folder, '.env'), resolve('.env')] : [resolve(named)];
  const path = paths.find((each) => existsSync(each));
  if (path !== undefined) process.loadEnvFile(path);
  else if (named !== undefined) throw new UsageError(`File "${named}" does not exist.`);
}

const optionNames: OptionNames<OmnitenantConfig> = {
  tenancy: true,
  orm: true,
  createSuperuser: true,
  superuserFields: true,
  rollout: true,
  anonymisation: true,
  backups: true,
  shell: true,
};

/** Has MikroORM take relative paths, as of migrations, from the folder of the configuration, wherever the command is run. */
async function withPathsOf<R>(path: string, load: () => Promise<R>): Promise<R> {
  if (process.env[baseDir] !== undefined) return load();
  process.env[baseDir] = dirname(path);
  try {
    return await load();
  } finally {
    delete process.env[baseDir];
  }
}

const baseDir = 'MIKRO_ORM_BASE_DIR';

/** The path of the configuration in the current folder, if there is one. */
export function ownConfig(): string | undefined {
  return names.map((name) => resolve(name)).find((path) => existsSync(path));
}

function findConfig(named: string | undefined): string {
  const path = named === undefined ? ownConfig() : resolve(named);
  if (path !== undefined && existsSync(path)) return path;
  throw new UsageError(
    named === undefined
      ? 'There is no omnitenant.config.ts in this folder. Change to the folder of the application, pass --config <path>, or create the file with: omnitenant init'
      : `There is no configuration file "${named}" (-c, --config).`,
  );
}

function failure(shown: string, cause: unknown): string {
  const why = String((cause as Error)?.message ?? cause).replace(/\.$/, '');
  return `${shown} could not be loaded: ${why}.${adviceOn(cause, why)}`;
}

function adviceOn(cause: unknown, why: string): string {
  if (/^Cannot use import statement/.test(why))
    return ' The package is CommonJS. Set "type": "module" in its package.json, or install tsx: npm install -D tsx';
  if (!isSyntaxRefusal(cause) || /^Cannot find package/.test(why)) return '';
  return ' If Node cannot run your TypeScript, install tsx: npm install -D tsx';
}
