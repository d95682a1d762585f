import { readArchive } from '../application/archive-file.ts';
import { identity, importOptions } from '../application/archive-options.ts';
import { database, isolation, json, schema, server, url } from '../application/options.ts';
import { outcome, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function importTenant(program: Program): void {
  program
    .command('import')
    .summary('create a tenant from an archive')
    .description('Creates a tenant from an archive, and applies pending migrations.')
    .argument('<file>', 'an archive written by export; - is standard input')
    .option('--as <tenant>', 'another id; the tenant then gets no domains')
    .addOption(isolation)
    .addOption(server)
    .addOption(url)
    .addOption(database)
    .addOption(schema)
    .addOption(identity)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'import acme.tar.zst': 'under the id that it had',
        'import acme.tar.zst --as acme-restored': 'beside the existing tenant',
        'import acme.tar.zst --isolation database --server eu': 'with its own database on the server "eu"',
        'import acme.tar.zst.age --identity key.txt': 'that was encrypted',
      }),
    )
    .action(async (file, { json: asJson, identity: key, ...options }, command) => {
      const archive = await readArchive(file, key);
      await withApplication(command, async ({ tenancy }) => {
        const afterwards = 'If a tenant is left incomplete, run: omnitenant list --status failed';
        const tenant = await interruptible(afterwards, () => tenancy.tenants.import(archive, importOptions(options)));
        if (asJson) printJson(summaryOf(tenant));
        else say(outcome('imported', tenant));
      });
    });
}
