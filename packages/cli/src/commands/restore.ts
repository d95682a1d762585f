import { type Stats, statSync } from 'node:fs';
import { Option } from '@commander-js/extra-typings';
import type { OpenArchiveBytes, Tenant } from '@omnitenant/core';
import { archiveName, decrypted, fileWriter, readArchive, refuseExisting } from '../application/archive-file.ts';
import { backupTargetOf, encryptTo, identity, importOptions } from '../application/archive-options.ts';
import { newest, openBackupLog } from '../application/backup-log.ts';
import type { BackupTarget } from '../application/backup-target.ts';
import type { OmnitenantConfig } from '../application/config.ts';
import { confirm, database, isolation, json, schema, server, time } from '../application/options.ts';
import { outcome, placementLabel, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { adviseWith, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, plain, say, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';

export function restore(program: Program): void {
  program
    .command('restore')
    .summary('create a tenant from a backup, or replace its data')
    .description(
      'Creates a tenant from its newest archive in a backup folder. An existing tenant is not changed: pass another id. With --replace, its data is replaced, and its record and domains stay; what it had is written to a file first. That asks for the id.',
    )
    .argument('<tenant>', 'id of the tenant in the backup')
    .addOption(
      new Option(
        '--from <folder>',
        'the folder that backup writes to, or one file (default: backups of the configuration)',
      ),
    )
    .addOption(
      new Option('--at <time>', 'take the last archive before this time, such as 2026-01-31T14:30Z').argParser(time),
    )
    .option('--as <tenant>', 'another id, to restore beside the existing tenant')
    .addOption(isolation)
    .addOption(server)
    .addOption(database)
    .addOption(schema)
    .option('--replace', 'replace the data of the existing tenant')
    .option('--to <file>', 'with --replace: the file of what the tenant had (default: one with the time in its name)')
    .addOption(encryptTo)
    .addOption(identity)
    .addOption(confirm)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'restore acme --from /backups --as acme-restored': 'beside the existing tenant',
        'restore acme --from /backups --at 2026-01-31T14:30Z --as acme-before': 'as it was before an accident',
        'restore acme --from /backups': 'where it is gone',
        'restore acme --from /backups --replace --to acme-after.tar.zst': 'the tenant as it was; asks first',
      }),
    )
    .action(
      async (id, { from, at, json: asJson, identity: key, replace, to, encryptTo: forKey, ...options }, command) => {
        const { as = id, confirm: _, ...placed } = options;
        if (!replace && (to ?? forKey) !== undefined) throw new UsageError('--to and --encrypt-to need --replace.');
        if (replace && Object.keys({ ...importOptions(placed), ...(as !== id && { as }) }).length > 0)
          throw new UsageError('With --replace, the tenant keeps its id and its place. Move it afterwards.');
        await withApplication(command, async (application) => {
          const { tenants } = application.tenancy;
          const open = await archiveOf(application, id, { from, at, key });
          let tenant: Tenant;
          if (replace) {
            const file = to ?? archiveName(`${id}.${new Date().toISOString().replaceAll(/[:.]/g, '-')}`, forKey);
            refuseExisting(file);
            await askForId(command.optsWithGlobals(), id, replacementWarning(await tenants.get(id), file));
            tenant = await replaceData(tenants, id, { file, forKey, open });
          } else {
            const afterwards = `If the tenant is incomplete, run: omnitenant repair ${as} --clear`;
            tenant = await interruptible(afterwards, async () =>
              tenants.import(await open(), { ...importOptions({ ...placed, as }), of: id }),
            );
          }
          if (asJson) printJson(summaryOf(tenant));
          else say(outcome('restored', tenant));
        });
      },
    );
}

interface Replacement {
  /** Where what the tenant had is written to, and for whose key. */
  readonly file: string;
  readonly forKey: string | undefined;
  readonly open: OpenArchiveBytes;
}

/** Replaces what a tenant has, which is in a file by then. */
function replaceData(
  tenants: OmnitenantConfig['tenancy']['tenants'],
  id: string,
  { file, forKey, open }: Replacement,
): Promise<Tenant> {
  const afterwards = `The tenant may be closed. Restore it again, or if nothing was replaced: omnitenant resume ${id}`;
  return interruptible(afterwards, async (signal) => {
    const write = await fileWriter(forKey, signal);
    return tenants.restore(id, open, async (bytes) => {
      const { file: written } = await write(bytes, file).catch(adviseWith('Nothing was replaced.'));
      note(`what "${id}" had is in ${written}`);
    });
  });
}

/** What is replaced when a tenant is restored where it is. */
function replacementWarning(tenant: Tenant, file: string): string {
  return `This closes "${plain(tenant.name)}", writes its data to ${file}, and replaces it in ${placementLabel(tenant)} by that of the archive.`;
}

function found(path: string): Stats {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) return stats;
  throw new UsageError(`There is nothing at ${path}.`);
}

/** Opens the named file, or the tenant's newest backup in the folder, decrypted. */
async function archiveOf(
  application: OmnitenantConfig,
  id: string,
  { from, at, key }: { from: string | undefined; at: Date | undefined; key: string | undefined },
): Promise<OpenArchiveBytes> {
  if (from !== undefined && found(from).isFile()) return () => readArchive(from, key);
  const target = backupTargetOf(application, from, '--from');
  const file = await backupOf(id, application.tenancy, target, at);
  return async () => {
    const bytes = await target.read(file);
    if (bytes === undefined) throw new UsageError(`The archive ${file} is not there any more.`);
    return decrypted(bytes, key);
  };
}

async function backupOf(
  id: string,
  { tenants }: OmnitenantConfig['tenancy'],
  target: BackupTarget,
  at: Date | undefined,
): Promise<string> {
  const log = await openBackupLog(target);
  const { file, at: writtenAt, createdAt } = newest(log.filesOf(id), id, at?.toISOString());
  note(`from ${file}, as it was at ${writtenAt}`);
  const present = await tenants.tryGet(id);
  if (present !== undefined && present.createdAt.toISOString() !== createdAt) {
    warn(
      `This is an archive of an earlier tenant "${id}", created at ${createdAt}. It may have belonged to another customer than the present one.`,
    );
  }
  return file;
}
