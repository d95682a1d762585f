import { mkdirSync, realpathSync } from 'node:fs';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { type OptionNames, type TenantStore, unknownOption } from '@omnitenant/core/extend';
import type { Synchronous } from './handles/open-handle.ts';

/** What `createSqlite` takes besides the MikroORM configuration. */
export interface SqliteOptions<EM = unknown> {
  /** The folder of the tenants' files. Nothing else should write to it. It is made if it is not there. */
  readonly folder: string;
  /** Fills the storage of a new tenant, in one transaction. */
  readonly seed?: ((em: EM, tenant: Tenant) => unknown) | undefined;
  /** How many files stay open while nobody uses them. Default: 100. One that is in use is never closed. */
  readonly openFiles?: number | undefined;
  /** For how long a writer waits for another one, in milliseconds. Default: 5 000. */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * When a commit is on the disk: with `full` before it is answered; with `normal` a moment later, so that the last ones are lost if the
   * machine loses its power. Default: `normal`, as in SQLite's write-ahead log.
   */
  readonly synchronous?: Synchronous | undefined;
  /** Where the tenants are recorded: the store that `createTenancy` gets as well. Default: the file `central.sqlite` in the folder. */
  readonly store?: TenantStore | undefined;
}

/** The options, with their defaults. */
export interface CheckedOptions {
  readonly folder: string;
  readonly openFiles: number;
  readonly busyTimeoutMs: number;
  readonly synchronous: Synchronous;
}

const optionNames: OptionNames<SqliteOptions> = {
  folder: true,
  seed: true,
  openFiles: true,
  busyTimeoutMs: true,
  synchronous: true,
  store: true,
};

/** @throws CONFIG_INVALID */
export function checkedOptions(options: SqliteOptions): CheckedOptions {
  const unknown = unknownOption(options, optionNames);
  if (unknown !== undefined) throw invalid(`createSqlite() ${unknown}`);
  const { folder, openFiles = 100, busyTimeoutMs = 5_000, synchronous = 'normal' } = options;
  if (typeof folder !== 'string' || folder === '')
    throw invalid('The option folder of createSqlite() must name a folder.');
  refuseNumber('openFiles', openFiles, 1);
  refuseNumber('busyTimeoutMs', busyTimeoutMs, 0);
  if (synchronous !== 'normal' && synchronous !== 'full') {
    throw invalid('The option synchronous of createSqlite() must be "normal" or "full".');
  }
  return { folder: ownFolder(folder), openFiles, busyTimeoutMs, synchronous };
}

/** The folder itself, whatever links lead to it. */
function ownFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return realpathSync(folder);
  } catch (cause) {
    throw invalid(`The folder "${folder}" of tenants could not be made.`, cause);
  }
}

function refuseNumber(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw invalid(`The option ${name} of createSqlite() must be a whole number of at least ${least}.`);
}

function invalid(message: string, cause?: unknown): TenancyError {
  return new TenancyError('CONFIG_INVALID', message, { cause });
}
