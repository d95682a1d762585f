import type { FleetFailure, FleetOptions, FleetReport } from '@omnitenant/orm';
import { exitCodes, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { paint, say, warn } from '../terminal/output.ts';
import { openProgress } from '../terminal/progress.ts';
import { printJson } from '../terminal/table.ts';
import type { OmnitenantConfig } from './config.ts';
import { defined } from './defined.ts';
import { isPattern, requireMigratable } from './select-tenants.ts';

/** The command-line options of a run over many tenants. */
export interface FleetFlags {
  readonly concurrency: number;
  readonly canary?: number | readonly string[] | undefined;
  readonly maxFailures?: number | undefined;
  /** Tenants to leave out. */
  readonly skip?: readonly string[] | undefined;
  /** The most migrations to run in a tenant. */
  readonly step?: number | undefined;
  readonly json?: true | undefined;
}

/** What is done in each tenant. */
interface FleetVerb {
  /** Shown during the run: `migrating`. */
  readonly doing: string;
  /** Shown after the run: `migrated`. */
  readonly done: string;
  readonly run: (options: Omit<FleetOptions, 'to'>) => Promise<FleetReport>;
}

const again = 'Run the same command again to continue; finished tenants are kept.';

/** Works through the tenants, shows progress, prints a report, and fails the command unless every tenant is done. */
export async function migrateFleet(
  { tenancy, orm }: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  { json, ...limits }: FleetFlags,
  { doing, done, run }: FleetVerb,
): Promise<void> {
  await requireMigratable(tenancy.tenants, tenants);
  await requireMatches(orm, tenants);
  const progress = openProgress(doing);
  const report = await interruptible(again, (signal) =>
    run({ ...defined({ tenants, ...limits }), signal, onProgress: progress.step }),
  ).finally(progress.end);

  if (json) printJson({ ...report, failed: report.failed.map(failureOf) });
  else say(summaryOf(report, done));
  if (report.failed.length === 0 && report.stopped === undefined) return;
  process.exitCode = exitCodes.failed;
  if (report.stopped) warn(reasons[report.stopped]);
  warn(again);
}

/** `--to` as the options of the migrations. */
export function targetOf(to: string | undefined): { to?: string | 0 } {
  return defined({ to: to === '0' ? (0 as const) : to });
}

async function requireMatches({ migrations }: OmnitenantConfig['orm'], tenants: readonly string[] = []): Promise<void> {
  for (const pattern of tenants.filter(isPattern)) {
    const found = migrations.status({ tenants: [pattern] })[Symbol.asyncIterator]();
    if ((await found.next()).done) throw new UsageError(`No tenant matches "${pattern}".`);
  }
}

const reasons: Readonly<Record<NonNullable<FleetReport['stopped']>, string>> = {
  signal: 'Stopped by Ctrl-C.',
  canary: 'Stopped: one of the --canary tenants failed.',
  failures: 'Stopped: more tenants failed than --max-failures allows.',
};

function failureOf({ tenant, tenants, error: { code, message } }: FleetFailure) {
  return { tenant, tenants, code, message };
}

function summaryOf(
  { migrated, upToDate, ahead = 0, removed = 0, failed, remaining }: FleetReport,
  done: string,
): string {
  const failures = failed.reduce((count, { tenants }) => count + tenants.length, 0);
  const parts = [
    migrated > 0 && paint('green', `${migrated} ${done}`),
    upToDate > 0 && `${upToDate} up to date`,
    ahead > 0 && paint('yellow', `${ahead} left alone: migrated by newer code`),
    removed > 0 && `${removed} removed meanwhile`,
    failures > 0 && paint('red', `${failures} failed`),
    remaining > 0 && paint('yellow', `${remaining} not started`),
  ].filter(Boolean);
  return parts.length === 0 ? 'Nothing to do.' : parts.join(', ');
}
