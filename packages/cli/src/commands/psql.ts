import { existsSync } from 'node:fs';
import { allowClosed, reason } from '../application/options.ts';
import { postgreSqlPart } from '../application/postgresql-part.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { runPsql } from '../terminal/psql.ts';

export function psql(program: Program): void {
  program
    .command('psql')
    .summary('open psql in a tenant')
    .description(
      'Opens psql with a temporary login that can only read and write the rows of one tenant. The login is dropped when psql ends.',
    )
    .argument('<tenant>', 'tenant id')
    .argument('[args...]', 'after --: arguments of psql')
    .option('--read-only', 'the login may only read')
    .addOption(allowClosed)
    .addOption(reason)
    .addHelpText(
      'after',
      examples({ 'psql acme': 'a prompt', "psql acme --read-only -- -c 'select count(*) from task'": 'one statement' }),
    )
    .action(async (id, args, { readOnly, ...entering }, command) => {
      const { config } = command.optsWithGlobals() as CommonOptions;
      if (config !== undefined && !existsSync(config)) throw notPsqls(id, config);
      await withApplication(command, async ({ tenancy, orm }) => {
        await tenancy.run(
          id,
          async () => {
            await using login = await postgreSqlPart(orm, 'credentials').lend(id, { readOnly });
            process.exitCode = await runPsql(args, login.env);
          },
          entering,
        );
      });
    });
}

/** `-c` is psql's most frequent argument, and the shorter name of --config. */
function notPsqls(id: string, config: string): UsageError {
  return new UsageError(
    `There is no configuration file "${config}" (-c, --config). Arguments of psql follow --: omnitenant psql ${id} -- -c '…'`,
  );
}
