import { archiveName, fileWriter, refuseExisting, type WrittenFile } from '../application/archive-file.ts';
import { encryptTo } from '../application/archive-options.ts';
import { confirm, json } from '../application/options.ts';
import { removalWarning } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { adviseWith } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';

export function erase(program: Program): void {
  program
    .command('erase')
    .summary('export the data of a tenant, then delete the tenant, with a proof')
    .description(
      'Closes a tenant, writes its archive and deletes the tenant with all its data. Prints a proof that contains none of the data. It asks for the id first.',
    )
    .argument('<tenant>', 'tenant id')
    .option('--to <file>', 'the file of the archive (default: <tenant>.tar.zst)')
    .addOption(encryptTo)
    .addOption(confirm)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'erase acme': 'asks, and leaves acme.tar.zst',
        'erase acme --encrypt-to age1… --confirm acme --json': "in a script, for the leaving customer's key",
      }),
    )
    .action(async (id, { to, encryptTo: key, json: asJson }, command) => {
      const file = to ?? archiveName(id, key);
      refuseExisting(file);
      await withApplication(command, async ({ tenancy: { tenants } }) => {
        await askForId(command.optsWithGlobals(), id, removalWarning(await tenants.get(id)));
        const again = `The tenant is closed. Make it active again with: omnitenant resume ${id}, or run erase again.`;
        await interruptible(again, async (signal) => {
          const write = await fileWriter(key, signal);
          let written: WrittenFile | undefined;
          const { archive, ...erasure } = await tenants.erase(id, async (bytes) => {
            written = await write(bytes, file).catch(adviseWith(again));
          });
          if (asJson) printJson({ ...erasure, parts: archive.parts, ...written });
          else
            say(
              `erased "${id}" at ${erasure.erasedAt.toISOString()}; its archive is ${file}, sha256 ${written?.sha256}`,
            );
        });
      });
    });
}
