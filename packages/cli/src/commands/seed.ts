import type { OmnitenantConfig } from '../application/config.ts';
import { forEachTenant, type WorkOutcome } from '../application/for-each-tenant.ts';
import { all, concurrency, json, maxFailures, skip, tenantPatterns } from '../application/options.ts';
import { seederOption, seedersOf, seedIn } from '../application/seeders.ts';
import { findTenants, namedOrAll, refuseTenants, without } from '../application/select-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, sentenceOf, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { openProgress } from '../terminal/progress.ts';
import { printJson } from '../terminal/table.ts';

export function seed(program: Program): void {
  program
    .command('seed')
    .summary("run MikroORM's seeders in tenants")
    .description("Runs MikroORM's seeders in tenants, in one transaction for each. A tenant that fails is rolled back.")
    .argument('[tenants...]', tenantPatterns)
    .addOption(all)
    .addOption(skip)
    .option('--central', 'in central instead of in tenants')
    .addOption(seederOption())
    .addOption(concurrency(1))
    .addOption(maxFailures)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'seed acme': 'the default seeder in one tenant',
        'seed --all --class PlanSeeder --class DemoSeeder': 'two seeders in every active tenant, in this order',
      }),
    )
    .action(async (named, { all, central, ...options }, command) => {
      if (central) refuseTenants(named, all);
      const ids = central ? [] : namedOrAll(named, all);
      await withApplication(command, (application) =>
        central ? seedCentral(application, options) : seedTenants(application, ids, options),
      );
    });
}

interface Options {
  readonly class: readonly string[];
  readonly concurrency: number;
  readonly maxFailures?: number | undefined;
  readonly skip?: readonly string[] | undefined;
  readonly json?: true | undefined;
}

async function seedCentral({ tenancy, orm }: OmnitenantConfig, { class: named }: Options): Promise<void> {
  const seeders = await seedersOf(orm, named);
  await tenancy.central(() => seedIn(orm, seeders));
  say('seeded central');
}

async function seedTenants(
  { tenancy, orm }: OmnitenantConfig,
  ids: readonly string[] | undefined,
  { class: named, skip, json, ...limits }: Options,
): Promise<void> {
  const seeders = await seedersOf(orm, named);
  const tenants = without(await findTenants(tenancy.tenants, ids), skip);
  if (tenants.length === 0 && ids) throw new UsageError('No active tenant matches; nothing was seeded.');
  const progress = openProgress('seeding', { bar: tenants.length > 1 });
  const outcome = await interruptible('Tenants in progress are rolled back.', (signal) =>
    forEachTenant({
      tenants,
      ...limits,
      signal,
      work: ({ id }) => tenancy.run(id, () => seedIn(orm, seeders)),
      onStep: progress.step,
    }),
  ).finally(progress.end);
  report(outcome, tenants.length, json);
}

function report({ succeeded, failed, remaining }: WorkOutcome, total: number, json: true | undefined): void {
  if (failed.length + remaining.length > 0) process.exitCode = exitCodes.failed;
  if (json) {
    const failures = failed.map(({ tenant, error }) => ({ tenant, error: sentenceOf(error) }));
    printJson({ total, seeded: succeeded, failed: failures, remaining: remaining.length });
  } else say(`${succeeded} seeded, ${failed.length} failed, ${remaining.length} not started`);
}
