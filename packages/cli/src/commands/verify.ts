import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { concurrency, json, tenantPatterns } from '../application/options.ts';
import { requireMigratable } from '../application/select-tenants.ts';
import { isWell, verifyText } from '../application/verify-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes } from '../terminal/failure.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function verify(program: Program): void {
  program
    .command('verify')
    .summary("compare tenants' tables with what their migrations create")
    .description(
      'Compares the tables of each tenant with those that its migrations create in a temporary schema, and its ' +
        "migration log with central's record. Exits with code 1 if anything differs.",
    )
    .argument('[tenants...]', `${tenantPatterns} (default: all)`)
    .option('--fix', "correct central's record, and the names in a log after a squash; changes no table")
    .addOption(concurrency(4))
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        verify: 'all tenants',
        "verify 'eu-*' --json": 'some tenants, for a program',
        'verify acme --fix': 'after a restore; then run migrate',
      }),
    )
    .action(async (named, options, command) => {
      await withApplication(command, (application) => verifyTenants(application, named, options));
    });
}

interface Options {
  readonly fix?: true | undefined;
  readonly concurrency: number;
  readonly json?: true | undefined;
}

async function verifyTenants(
  { tenancy, orm }: OmnitenantConfig,
  named: readonly string[],
  { json, ...options }: Options,
): Promise<void> {
  await requireMigratable(tenancy.tenants, named);
  const tenants = named.length > 0 ? named : undefined;
  const report = await orm.migrations.verify({ ...options, ...defined({ tenants }) });
  if (!isWell(report)) process.exitCode = exitCodes.failed;
  if (json) printJson(report);
  else print(verifyText(report));
}
