import { archiveName, fileWriter, refuseExisting, sizeOf } from '../application/archive-file.ts';
import { anonymise, encryptTo, exportOptions } from '../application/archive-options.ts';
import { json } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function exportTenant(program: Program): void {
  program
    .command('export')
    .summary("write a tenant's data into a file")
    .description('Writes all data of a tenant into an archive, as it is at one moment. The tenant is served meanwhile.')
    .argument('<tenant>', 'tenant id')
    .option('--to <file>', 'the file (default: <tenant>.tar.zst)')
    .addOption(anonymise)
    .addOption(encryptTo)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'export acme': 'into acme.tar.zst',
        'export acme --anonymise': 'for a developer, without what identifies people',
        'export acme --to /backups/acme.tar.zst.age --encrypt-to age1…': 'only the holder of the key can read it',
      }),
    )
    .action(async (id, { to, anonymise: anonymised, encryptTo: key, json: asJson }, command) => {
      const file = to ?? archiveName(id, key);
      refuseExisting(file);
      await withApplication(command, (application) => {
        const options = exportOptions(application, anonymised);
        return interruptible('The file was not complete.', async (signal) => {
          const write = await fileWriter(key, signal);
          const written = await write(await application.tenancy.tenants.export(id, options), file);
          if (asJson) printJson({ tenant: id, anonymised: anonymised ?? false, ...written });
          else say(`exported "${id}" to ${file}: ${sizeOf(written.bytes)}, sha256 ${written.sha256}`);
        });
      });
    });
}
