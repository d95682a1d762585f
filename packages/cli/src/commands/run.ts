import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Tenant } from '@omnitenant/core';
import type { OmnitenantConfig, TenantScript } from '../application/config.ts';
import { overFleet } from '../application/for-each-tenant.ts';
import { importModule } from '../application/import-module.ts';
import { all, collect, concurrency, maxFailures } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { findTenants, namedOrAll } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { openProgress } from '../terminal/progress.ts';
import { spawnInTenant } from '../terminal/spawn.ts';

export function run(program: Program): void {
  program
    .command('run')
    .summary('a script or any command, in one tenant or each')
    .description('Runs a script, or any command after --, in tenants. A command finds its tenant in OMNITENANT_TENANT.')
    .argument('[script]', 'a module whose default export is a function; it gets { tenant, tenancy, orm, args }')
    .argument('[args...]', "after --: the script's arguments, or the command")
    .option('--tenant <id>', "one tenant, or a pattern such as 'eu-*'; repeatable", collect, [] as readonly string[])
    .addOption(all)
    .option('--from <id>', 'begin with this tenant: where a run before it has stopped')
    .addOption(concurrency(1))
    .addOption(maxFailures)
    .addHelpText(
      'after',
      examples({
        'run --tenant acme report.ts': "the script, in acme's scope",
        'run --all report.ts -- --year 2026': 'in each active tenant, with arguments',
        'run --all --concurrency 4 -- node job.js': 'a process for each, four at a time',
      }),
    )
    .action(async (_script, _args, { tenant: named, all, from = '', concurrency, maxFailures }, command) => {
      const { script, rest } = split(command.args);
      const ids = namedOrAll(named, all);
      await withApplication(command, async (application) => {
        const tenants = (await findTenants(application.tenancy.tenants, ids)).filter(({ id }) => id >= from);
        if (tenants.length === 0) {
          if (ids !== undefined) throw new UsageError('No active tenant fits; nothing was run.');
          return note('There is no active tenant; nothing was run.');
        }
        const work = await workOf(application, script, rest, tenants.length > 1);
        const progress = openProgress('running', { bar: tenants.length > 1 && script !== undefined });
        const outcome = await interruptible('What was under way may be half done.', (signal) =>
          overFleet({ tenants, concurrency, maxFailures, signal, work, onStep: progress.step }),
        ).finally(progress.end);
        const { succeeded, failed, remaining } = outcome;
        if (failed.length > 0 || remaining.length > 0) process.exitCode = exitCodes.failed;
        if (tenants.length > 1) note(`${succeeded} succeeded, ${failed.length} failed, ${remaining.length} not begun`);
        if (failed.length > 0 && failed.length <= 20)
          note(`Those that failed: ${failed.map(({ tenant }) => `--tenant ${tenant}`).join(' ')}`);
        if (remaining[0]) note(`To go on: the same command with --from ${remaining[0].id}`);
      });
    });
}

/** What stands before `--` and after it; Commander takes the mark itself away. */
function split(args: readonly string[]): { script: string | undefined; rest: readonly string[] } {
  const mark = process.argv.indexOf('--');
  const rest = mark < 0 ? [] : process.argv.slice(mark + 1);
  const [script, excess] = args.slice(0, args.length - rest.length);
  if (excess !== undefined) throw new UsageError(`The arguments of ${script} go after --, and so does "${excess}".`);
  if (script === undefined && rest.length === 0)
    throw new UsageError('Say what to run: a script, or a command after --.');
  return { script, rest };
}

async function workOf(
  { tenancy, orm }: OmnitenantConfig,
  script: string | undefined,
  args: readonly string[],
  several: boolean,
): Promise<(tenant: Tenant) => Promise<unknown>> {
  if (script === undefined) return ({ id }) => tenancy.run(id, () => spawnInTenant(id, args, { several }));
  if (!existsSync(script)) throw new UsageError(`There is no file ${script}.`);
  const { default: main } = await importModule(resolve(script));
  if (typeof main !== 'function') {
    throw new UsageError(`${script} exports no function by default; it has to: it is called once in each tenant.`);
  }
  return ({ id }) => tenancy.run(id, (tenant) => (main as TenantScript)({ tenant, tenancy, orm, args }));
}
