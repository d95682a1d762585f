import { type Stats, statSync } from 'node:fs';
import { Option } from '@commander-js/extra-typings';
import { decrypted, readArchive } from '../application/archive-file.ts';
import { backupTargetOf, identity, importOptions } from '../application/archive-options.ts';
import { newest, openBackupLog } from '../application/backup-log.ts';
import type { BackupTarget } from '../application/backup-target.ts';
import type { OmnitenantConfig } from '../application/config.ts';
import { database, isolation, json, schema, server, time } from '../application/options.ts';
import { outcome, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, say, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function restore(program: Program): void {
  program
    .command('restore')
    .summary('create a tenant from a backup')
    .description(
      'Creates a tenant from its newest archive in a backup folder. An existing tenant is not changed: pass another id, or remove it first.',
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
    .addOption(identity)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'restore acme --from /backups --as acme-restored': 'beside the existing tenant',
        'restore acme --from /backups --at 2026-01-31T14:30Z --as acme-before': 'as it was before an accident',
        'restore acme --from /backups': 'where it is gone',
      }),
    )
    .action(async (id, { from, at, json: asJson, identity: key, as = id, ...options }, command) => {
      await withApplication(command, async (application) => {
        const { tenancy } = application;
        const isFile = from !== undefined && found(from).isFile();
        const archive = isFile
          ? await readArchive(from, key)
          : await decrypted(await backupOf(id, tenancy, backupTargetOf(application, from, '--from'), at), key);
        const afterwards = `If the tenant is incomplete, run: omnitenant repair ${as} --clear`;
        const tenant = await interruptible(afterwards, () =>
          tenancy.tenants.import(archive, { ...importOptions({ ...options, as }), of: id }),
        );
        if (asJson) printJson(summaryOf(tenant));
        else say(outcome('restored', tenant));
      });
    });
}

function found(path: string): Stats {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) return stats;
  throw new UsageError(`There is nothing at ${path}.`);
}

async function backupOf(
  id: string,
  { tenants }: OmnitenantConfig['tenancy'],
  target: BackupTarget,
  at: Date | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const log = await openBackupLog(target);
  const { file, at: writtenAt, createdAt } = newest(log.filesOf(id), id, at?.toISOString());
  const bytes = await target.read(file);
  if (bytes === undefined) throw new UsageError(`The archive ${file} is not there any more.`);
  note(`from ${file}, as it was at ${writtenAt}`);
  const present = await tenants.tryGet(id);
  if (present !== undefined && present.createdAt.toISOString() !== createdAt) {
    warn(
      `This is an archive of an earlier tenant "${id}", created at ${createdAt}. It may have belonged to another customer than the present one.`,
    );
  }
  return bytes;
}
