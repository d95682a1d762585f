import { Option } from '@commander-js/extra-typings';
import type { Tenant } from '@omnitenant/core';
import { archiveName, archiveWriter } from '../application/archive-file.ts';
import { backupTargetOf, encryptTo } from '../application/archive-options.ts';
import { type BackupFile, type BackupLog, type Keeping, openBackupLog, outdated } from '../application/backup-log.ts';
import type { BackupTarget } from '../application/backup-target.ts';
import type { OmnitenantConfig } from '../application/config.ts';
import { forEachTenant, type WorkOutcome } from '../application/for-each-tenant.ts';
import { all, concurrency, json, skip, tenantPatterns, wholeNumberOption } from '../application/options.ts';
import { findTenants, namedOrAll, without } from '../application/select-tenants.ts';
import { someTenants } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, report as printFailure, sentenceOf, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, say, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { openProgress } from '../terminal/progress.ts';
import { printJson } from '../terminal/table.ts';

export function backup(program: Program): void {
  program
    .command('backup')
    .summary('write archives of tenants into a folder or a bucket')
    .description(
      'Writes an archive of each tenant, including closed tenants, into a folder or where the configuration keeps backups. Each run has a list there.',
    )
    .argument('[tenants...]', tenantPatterns)
    .addOption(all)
    .addOption(skip)
    .addOption(new Option('--to <folder>', 'the folder (default: backups of the configuration)'))
    .addOption(
      wholeNumberOption(
        '--keep <n>',
        'keep this many archives of a tenant, and delete older ones once it has a new one',
      ),
    )
    .addOption(wholeNumberOption('--keep-days <n>', 'delete older archives of a tenant, once it has a new one'))
    .option('--resume', `continue the last run; a tenant that has failed ${mostAttempts} times is given up`)
    .addOption(encryptTo)
    .addOption(concurrency(2))
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'backup --all --to /backups --keep 14': 'each night',
        'backup --all --to /backups --resume': 'after an interrupted run',
        'backup --all --keep-days 30': 'into the bucket of the configuration',
        "backup 'eu-*' --to /backups --encrypt-to age1…": 'some tenants, for the holder of a key',
      }),
    )
    .action(async (named, { all: every, skip: leftOut, json: asJson, ...options }, command) => {
      const ids = namedOrAll(named, every);
      await withApplication(command, async (application) => {
        const { tenancy } = application;
        const target = backupTargetOf(application, options.to, '--to');
        const found = await findTenants(tenancy.tenants, ids, { allowClosed: true });
        const tenants = without(found, leftOut);
        if (tenants.length === 0 && ids) throw new UsageError('No tenant matches; nothing was written.');
        report(await backUp(tenancy, target, tenants, options), tenants.length, asJson);
      });
    });
}

/** How often a run tries to write a tenant. */
const mostAttempts = 3;

interface BackupOptions extends Keeping {
  readonly resume?: true | undefined;
  readonly encryptTo?: string | undefined;
  readonly concurrency: number;
}

interface BackupOutcome extends WorkOutcome {
  /** The tenants that the run does not try again. */
  readonly givenUp: readonly string[];
  /** Why the lists are not those of what was written. */
  readonly unlisted: { readonly error: unknown } | undefined;
}

async function backUp(
  { tenants: registry, signals }: OmnitenantConfig['tenancy'],
  target: BackupTarget,
  tenants: readonly Tenant[],
  { resume, encryptTo: key, concurrency: atOnce, ...keeping }: BackupOptions,
): Promise<BackupOutcome> {
  const log = await openBackupLog(target);
  const run = (resume && log.unfinished) || new Date().toISOString();
  if (resume && log.unfinished !== run) note('The last run came to its end; this is a new one.');
  if (log.unfinished !== run) await log.begin(run);
  const open = tenants.filter((tenant) => !isDone(log, run, tenant));
  const left = open.filter((tenant) => !isGivenUp(log, run, tenant));
  const progress = openProgress('writing', { bar: left.length > 1 });
  // What has begun is finished.
  const write = await archiveWriter(key, target.write);
  // Since the run has listed them, an id may have become another tenant's.
  const read = new Map<string, Tenant>();
  const ignore = signals.on('exporting', ({ tenant }) => void read.set(tenant.id, tenant));

  async function work(listed: Tenant): Promise<void> {
    const { id } = listed;
    const at = new Date().toISOString();
    const entryOf = ({ createdAt }: Tenant) => ({ run, at, tenant: id, createdAt: createdAt.toISOString() });
    let entry = entryOf(listed);
    try {
      const bytes = await registry.export(id);
      entry = entryOf(read.get(id) ?? listed);
      const written = await write(bytes, nameOf(log, entry, key));
      await log.add({ ...entry, ...written });
    } catch (error) {
      // Where the list cannot be written either, the end of the run says so.
      await log.fail(entry).catch(() => {});
      throw error;
    }
    // Not those of an earlier tenant of the same id, which may be another customer's.
    const own = log.filesOf(id).filter((file) => file.createdAt === entry.createdAt);
    await log.remove(outdated(own, keeping, Date.now()));
  }

  const outcome = await interruptible('To continue, run the same command with --resume.', (signal) =>
    forEachTenant({ tenants: left, concurrency: atOnce, signal, work, onStep: progress.step }),
  ).finally(() => {
    ignore();
    progress.end();
  });
  const givenUp = open.filter((tenant) => isGivenUp(log, run, tenant)).map(({ id }) => id);
  const failed = outcome.failed.filter(({ tenant }) => !givenUp.includes(tenant));
  const isComplete = outcome.remaining.length + failed.length === 0;
  const unlisted = await conclude(log, isComplete ? run : undefined).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (!isComplete || unlisted) note('To continue, run the same command with --resume.');
  return { ...outcome, givenUp, unlisted };
}

/** Writes the lists, in which the run is at its end if it is named. */
async function conclude(log: BackupLog, ended: string | undefined): Promise<void> {
  if (ended !== undefined) await log.end(ended);
  await log.flush();
}

type OfTenant = Pick<BackupFile, 'run' | 'createdAt'>;

/** Another than that of an earlier tenant of the same id, whom the same run has written. */
function nameOf(log: BackupLog, { tenant, run, createdAt }: OfTenant & { tenant: string }, key?: string): string {
  const isTaken = log.filesOf(tenant).some((file) => file.run === run && file.createdAt !== createdAt);
  return `${tenant}/${archiveName((isTaken ? `${run}_${createdAt}` : run).replaceAll(':', '-'), key)}`;
}

function isDone(log: BackupLog, run: string, tenant: Tenant): boolean {
  return log.filesOf(tenant.id).some((file) => isOf(file, run, tenant));
}

function isGivenUp(log: BackupLog, run: string, tenant: Tenant): boolean {
  return log.failuresOf(tenant.id).filter((failure) => isOf(failure, run, tenant)).length >= mostAttempts;
}

function isOf(entry: OfTenant, run: string, { createdAt }: Tenant): boolean {
  return entry.run === run && entry.createdAt === createdAt.toISOString();
}

function report(outcome: BackupOutcome, total: number, asJson: true | undefined): void {
  const { succeeded, failed, remaining, givenUp, unlisted } = outcome;
  const notTried = givenUp.filter((id) => !failed.some(({ tenant }) => tenant === id));
  if (failed.length + remaining.length + givenUp.length > 0) process.exitCode = exitCodes.failed;
  if (unlisted) process.exitCode = printFailure(unlisted.error);
  const before = total - succeeded - failed.length - remaining.length - notTried.length;
  if (asJson) {
    const failures = failed.map(({ tenant, error }) => ({ tenant, error: sentenceOf(error) }));
    printJson({ total, written: succeeded, before, failed: failures, givenUp, remaining: remaining.length });
    return;
  }
  if (givenUp.length > 0) {
    warn(
      `The run has ended without ${someTenants(givenUp)}, which failed ${mostAttempts} times. The next run tries again.`,
    );
  }
  const earlier = before > 0 ? `, ${before} before` : '';
  say(`${succeeded} written${earlier}, ${failed.length} failed, ${remaining.length} not started`);
}
