import type { PlannedMigration, PlannedStep } from '@omnitenant/orm';
import { json, target } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { nobodyBesides, requireMigratable } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { paint, print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function plan(program: Program): void {
  program
    .command('plan')
    .summary('what migrate would do')
    .description('What migrate would do, with its SQL. Nothing is done.')
    .argument('[tenants...]', "ids, or patterns such as 'acme-*' (default: all)")
    .option('--central', "central's own migrations instead")
    .addOption(target)
    .addOption(json)
    .addHelpText(
      'after',
      examples({ plan: 'for all tenants', 'plan acme --to Migration20260105': 'up to one migration' }),
    )
    .action(async (tenants, { central, to, json: asJson }, command) => {
      if (central) nobodyBesides(tenants);
      await withApplication(command, async ({ tenancy, orm }) => {
        if (central) {
          const migrations = await orm.migrations.central.plan({ ...(to && { to }) });
          if (asJson) return printJson({ migrations });
          return print(migrations.length === 0 ? 'Nothing to do.' : migrations.map(migrationText).join('\n\n'));
        }
        await requireMigratable(tenancy.tenants, tenants);
        const planned = await orm.migrations.plan({ ...(tenants.length > 0 && { tenants }), ...(to && { to }) });
        if (asJson) return printJson(planned);
        if (planned.steps.length === 0) return print('Nothing to do.');
        for (const step of planned.steps) print(stepText(step));
        for (const migration of planned.migrations) print(`\n${migrationText(migration)}`);
      });
    });
}

function stepText({ pending, tenants, examples: some }: PlannedStep): string {
  const who = `${tenants === 1 ? '1 tenant' : `${tenants} tenants`} (${some.join(', ')}${tenants > some.length ? ', …' : ''})`;
  const what = pending?.join(', ') ?? 'what their logs say that they lack';
  return `${paint('bold', who)}: ${what}`;
}

function migrationText({ name, sql, transactional }: PlannedMigration): string {
  const apart = transactional ? '' : paint('yellow', '  outside the transaction');
  const body = sql?.map((statement) => `${statement};`) ?? ['runs code, whose SQL is not known before'];
  return [`${paint('cyan', name)}${apart}`, ...body.map((line) => `  ${line}`)].join('\n');
}
