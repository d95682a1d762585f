import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RunOptions, Tenant } from '@omnitenant/core';
import type { OmnitenantConfig, TenantScript } from '../application/config.ts';
import { forEachTenant, type WorkOutcome } from '../application/for-each-tenant.ts';
import { importModule } from '../application/import-module.ts';
import { all, allowClosed, collect, concurrency, maxFailures, reason } from '../application/options.ts';
import { findTenants, namedOrAll } from '../application/select-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { openProgress } from '../terminal/progress.ts';
import { spawnInTenant } from '../terminal/spawn.ts';

export function run(program: Program): void {
  program
    .command('run')
    .summary('run a script or any command in tenants')
    .description(
      'Runs a script, or any command after --, in tenants. A command gets the tenant id in OMNITENANT_TENANT.',
    )
    .argument('[script]', 'a module whose default export is a function of { tenant, tenancy, orm, args }')
    .argument('[args...]', "after --: the script's arguments, or the command")
    .option('--tenant <id>', "tenant id, or a pattern such as 'eu-*'; repeatable", collect, [] as readonly string[])
    .addOption(all)
    .option('--from <id>', 'start with this tenant, at which an earlier run stopped')
    .addOption(concurrency(1))
    .addOption(maxFailures)
    .addOption(allowClosed)
    .addOption(reason)
    .addHelpText(
      'after',
      examples({
        'run --tenant acme report.ts': 'the script in one tenant',
        'run --all report.ts -- --year 2026': 'in every active tenant, with arguments',
        'run --all --concurrency 4 -- node job.js': 'one process per tenant, four at a time',
      }),
    )
    .action(async (_script, _args, { tenant: named, all, from = '', allowClosed, reason, ...limits }, command) => {
      const { script, rest } = split(command.args);
      const ids = namedOrAll(named, all);
      await withApplication(command, async (application) => {
        const found = await findTenants(application.tenancy.tenants, ids, { allowClosed });
        const tenants = found.filter(({ id }) => id >= from);
        if (tenants.length === 0 && ids) throw new UsageError('No active tenant matches; nothing was run.');
        if (tenants.length === 0) return note('There are no active tenants; nothing was run.');
        const work = await workOf(application, {
          script,
          args: rest,
          several: tenants.length > 1,
          entering: { allowClosed, reason },
        });
        const progress = openProgress('running', { bar: tenants.length > 1 && script !== undefined });
        const outcome = await interruptible('Tenants in progress may be incomplete.', (signal) =>
          forEachTenant({ tenants, ...limits, signal, work, onStep: progress.step }),
        ).finally(progress.end);
        reportOutcome(outcome, tenants.length);
      });
    });
}

/** The script before `--` and the arguments after it. Commander removes the `--` itself. */
function split(args: readonly string[]): { script: string | undefined; rest: readonly string[] } {
  const mark = process.argv.indexOf('--');
  const rest = mark < 0 ? [] : process.argv.slice(mark + 1);
  const [script, excess] = args.slice(0, args.length - rest.length);
  if (excess !== undefined) throw new UsageError(`Put the arguments of ${script}, such as "${excess}", after --.`);
  if (script === undefined && rest.length === 0) throw new UsageError('Pass a script, or a command after --.');
  return { script, rest };
}

interface Work {
  readonly script: string | undefined;
  /** The arguments of the script, or the command. */
  readonly args: readonly string[];
  readonly several: boolean;
  readonly entering: RunOptions;
}

async function workOf(
  { tenancy, orm }: OmnitenantConfig,
  { script, args, several, entering }: Work,
): Promise<(tenant: Tenant) => Promise<unknown>> {
  if (script === undefined) return ({ id }) => tenancy.run(id, () => spawnInTenant(id, args, { several }), entering);
  if (!existsSync(script)) throw new UsageError(`File "${script}" does not exist.`);
  const { default: main } = await importModule(resolve(script));
  if (typeof main !== 'function') {
    throw new UsageError(`"${script}" must export a function by default; it is called once in each tenant.`);
  }
  return ({ id }) => tenancy.run(id, (tenant) => (main as TenantScript)({ tenant, tenancy, orm, args }), entering);
}

/** Prints the totals and how to continue, and fails the command unless every tenant succeeded. */
function reportOutcome({ succeeded, failed, remaining }: WorkOutcome, total: number): void {
  if (failed.length > 0 || remaining.length > 0) process.exitCode = exitCodes.failed;
  if (total > 1) note(`${succeeded} succeeded, ${failed.length} failed, ${remaining.length} not started`);
  if (failed.length > 0 && failed.length <= 20) {
    warn(`To run the failed ones again: ${failed.map(({ tenant }) => `--tenant ${tenant}`).join(' ')}`);
  }
  if (remaining[0]) warn(`To continue: the same command with --from ${remaining[0].id}`);
}
