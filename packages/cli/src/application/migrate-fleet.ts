import type { FleetOptions, FleetReport } from '@omnitenant/orm';
import { exitCodes, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, paint, print } from '../terminal/output.ts';
import { openProgress } from '../terminal/progress.ts';
import { printJson } from '../terminal/table.ts';
import type { OmnitenantConfig } from './config.ts';
import { requireMigratable } from './tenants.ts';

/** The options that a way over the fleet has on the command line. */
interface FleetFlags {
  readonly concurrency: number;
  readonly canary?: number | undefined;
  readonly maxFailures?: number | undefined;
  readonly json?: true | undefined;
}

/** What is done in each tenant. */
interface FleetVerb {
  /** While it is done: `migrating`. */
  readonly doing: string;
  /** When it is done: `migrated`. */
  readonly done: string;
  readonly run: (options: Omit<FleetOptions, 'to'>) => Promise<FleetReport>;
}

const again = 'Run the same command again to go on: what is done stays done.';

/** Goes through the tenants, shows how far, says how it went, and fails the command where not all is done. */
export async function migrateFleet(
  { tenancy, orm }: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  { json, concurrency, canary, maxFailures }: FleetFlags,
  { doing, done, run }: FleetVerb,
): Promise<void> {
  await requireMigratable(tenancy.tenants, tenants);
  for (const pattern of tenants?.filter((name) => name.includes('*')) ?? []) {
    const { done } = await orm.migrations
      .status({ tenants: [pattern] })
      [Symbol.asyncIterator]()
      .next();
    if (done) throw new UsageError(`No tenant fits ${pattern}.`);
  }
  const progress = openProgress(doing);
  const limits = {
    concurrency,
    ...(canary !== undefined && { canary }),
    ...(maxFailures !== undefined && { maxFailures }),
  };
  const report = await interruptible(again, (signal) =>
    run({ ...(tenants && { tenants }), ...limits, signal, onProgress: progress.step }),
  ).finally(progress.end);

  const whole = report.failed.length === 0 && report.stopped === undefined;
  if (json)
    printJson({
      ...report,
      failed: report.failed.map(({ tenant, error: { code, message } }) => ({ tenant, code, message })),
    });
  else print(summaryOf(report, done));
  if (whole) return;
  process.exitCode = exitCodes.failed;
  if (report.stopped) note(reasons[report.stopped]);
  note(again);
}

const reasons: Readonly<Record<NonNullable<FleetReport['stopped']>, string>> = {
  signal: 'Stopped by Ctrl-C.',
  canary: 'Stopped: one of the tenants that went first has failed.',
  failures: 'Stopped: more tenants have failed than --max-failures allows.',
};

function summaryOf({ migrated, upToDate, failed, remaining }: FleetReport, done: string): string {
  const parts = [
    migrated > 0 && paint('green', `${migrated} ${done}`),
    upToDate > 0 && `${upToDate} had nothing to do`,
    failed.length > 0 && paint('red', `${failed.length} failed`),
    remaining > 0 && paint('yellow', `${remaining} not begun`),
  ].filter(Boolean);
  return parts.length === 0 ? 'Nothing to do.' : parts.join(', ');
}
