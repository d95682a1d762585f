import { Option } from '@commander-js/extra-typings';
import type { ExportOptions, ImportOptions } from '@omnitenant/core';
import { UsageError } from '../terminal/failure.ts';
import type { BackupTarget } from './backup-target.ts';
import type { OmnitenantConfig } from './config.ts';
import { defined } from './defined.ts';
import { folderTarget } from './folder-target.ts';
import { postgreSqlPart } from './postgresql-part.ts';

/** Options of commands that write or read archives. */
export const encryptTo = new Option('--encrypt-to <key>', 'a public key of age; only its holder can read the archive');
export const identity = new Option(
  '--identity <file>',
  'the secret key of an encrypted archive, as age-keygen writes it',
);

export const anonymise = new Option(
  '--anonymise',
  'replace what identifies people, by the rules of the configuration (anonymisation)',
);

/** @throws UsageError where the configuration has no rules to anonymise by: nothing is exported as it is instead. */
export function exportOptions({ orm, anonymisation }: OmnitenantConfig, anonymised: true | undefined): ExportOptions {
  if (!anonymised) return {};
  if (anonymisation !== undefined) return { anonymise: anonymisation };
  postgreSqlPart(orm, 'anonymisation');
  throw new UsageError(
    'The configuration has no rules to anonymise by. Add to its defineConfig: anonymisation: orm.anonymisation({ … })',
  );
}

/** The named folder, or where the configuration keeps backups. */
export function backupTargetOf({ backups }: OmnitenantConfig, named: string | undefined, option: string): BackupTarget {
  const target = named === undefined ? backups : folderTarget(named);
  if (target !== undefined) return target;
  throw new UsageError(`Name a folder with ${option}, or add to the configuration: backups`);
}

/** Where an imported tenant goes. */
interface ImportAnswers {
  readonly as?: string | undefined;
  readonly isolation?: string | undefined;
  readonly server?: string | undefined;
  readonly url?: string | undefined;
  readonly database?: string | undefined;
  readonly schema?: string | undefined;
}

export function importOptions({ as, isolation, server, url, database, schema }: ImportAnswers): ImportOptions {
  const given = defined({ server, url, database, schema });
  return defined({ as, isolation, placement: Object.keys(given).length > 0 ? given : undefined });
}
