import { text } from 'node:stream/consumers';
import { generateCredentialsKey } from '@omnitenant/orm';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, sentenceOf, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askPassword } from '../terminal/prompts.ts';

export function credentials(program: Program): void {
  const command = program
    .command('credentials')
    .helpCommand(false)
    .summary('of tenants on servers of their own')
    .description(
      'The sealed credentials of tenants that are on servers of their own. A URL is typed, or read from standard input.',
    );

  command
    .command('generate-key')
    .description('Prints a new key for OMNITENANT_KEYS.')
    .addHelpText('after', examples({ 'credentials generate-key': 'put it first in OMNITENANT_KEYS, and rotate' }))
    .action(() => print(generateCredentialsKey()));

  command
    .command('seal')
    .description("Prints the sealed form of a server's URL, for a tenant's placement.")
    .addHelpText(
      'after',
      examples({ 'credentials seal < url.txt': 'for create --url, or tenants.create({ placement: { url } })' }),
    )
    .action(async (_, sub) => {
      const url = await askUrl(sub.optsWithGlobals());
      await withApplication(sub, async ({ orm }) => print(await orm.credentials.seal(url)));
    });

  command
    .command('replace')
    .description('Gives a tenant other credentials; its database is not moved.')
    .argument('<tenant>', 'its id')
    .addHelpText('after', examples({ 'credentials replace acme < url.txt': 'as when its password has changed' }))
    .action(async (id, _, sub) => {
      const url = await askUrl(sub.optsWithGlobals());
      await withApplication(sub, async ({ orm }) => {
        await orm.credentials.replace(id, url.startsWith('env:') ? url : await orm.credentials.seal(url));
        print(`${id} has other credentials`);
      });
    });

  command
    .command('rotate')
    .description('Seals anew, with the first key, what is sealed with another.')
    .addHelpText('after', examples({ 'credentials rotate': 'after a new key was put first in OMNITENANT_KEYS' }))
    .action(async (_, sub) => {
      await withApplication(sub, async ({ orm }) => {
        const { rotated, unchanged, failed, stopped } = await interruptible(again, async (signal) => ({
          ...(await orm.credentials.rotate({ signal })),
          stopped: signal.aborted,
        }));
        for (const { error } of failed) note(sentenceOf(error));
        print(`${rotated} sealed anew, ${unchanged} unchanged, ${failed.length} failed`);
        if (failed.length === 0 && !stopped) return;
        process.exitCode = exitCodes.failed;
        note(again);
      });
    });
}

const again = 'Keep the old key in OMNITENANT_KEYS, and run it again: what is done stays done.';

/** Never an argument, which the shell and the system would keep. */
async function askUrl(options: CommonOptions): Promise<string> {
  if (process.stdin.isTTY)
    return askPassword(options, { message: 'URL of the server', instead: 'it on standard input: … < url.txt' });
  const url = (await text(process.stdin)).trim();
  if (url === '') throw new UsageError('The URL on standard input is empty.');
  return url;
}
