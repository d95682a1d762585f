import { text } from 'node:stream/consumers';
import { postgreSqlPart } from '../application/postgresql-part.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, sentenceOf, UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { print, say, warn } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askPassword } from '../terminal/prompts.ts';

export function credentials(program: Program): void {
  const command = addParent(program);
  for (const add of [generateKey, seal, replace, rotate]) add(command);
}

function addParent(program: Program) {
  return program
    .command('credentials')
    .helpCommand(false)
    .summary('manage credentials of dedicated servers')
    .description(
      'Manages the encrypted credentials of tenants on dedicated servers. URLs are typed or read from standard input.',
    );
}

type Parent = ReturnType<typeof addParent>;

function generateKey(parent: Parent): void {
  parent
    .command('generate-key')
    .description('Prints a new key for OMNITENANT_KEYS.')
    .addHelpText('after', examples({ 'credentials generate-key': 'put it first in OMNITENANT_KEYS, then rotate' }))
    .action(async () => {
      const { generateCredentialsKey } = await import('@omnitenant/orm');
      print(generateCredentialsKey());
    });
}

function seal(parent: Parent): void {
  parent
    .command('seal')
    .description("Prints the encrypted form of a server's URL, for the placement of a tenant.")
    .addHelpText(
      'after',
      examples({ 'credentials seal < url.txt': 'for create --url, or tenants.create({ placement: { url } })' }),
    )
    .action(async (_, command) => {
      const url = await askUrl(command.optsWithGlobals());
      await withApplication(command, async ({ orm }) => print(await postgreSqlPart(orm, 'credentials').seal(url)));
    });
}

function replace(parent: Parent): void {
  parent
    .command('replace')
    .description('Replaces the credentials of a tenant. Its database is not moved.')
    .argument('<tenant>', 'tenant id')
    .addHelpText('after', examples({ 'credentials replace acme < url.txt': 'after a password change' }))
    .action(async (id, _, command) => {
      const url = await askUrl(command.optsWithGlobals());
      await withApplication(command, async ({ orm }) => {
        await postgreSqlPart(orm, 'credentials').replace(
          id,
          url.startsWith('env:') ? url : await postgreSqlPart(orm, 'credentials').seal(url),
        );
        say(`replaced the credentials of "${id}"`);
      });
    });
}

function rotate(parent: Parent): void {
  parent
    .command('rotate')
    .description('Encrypts with the first key all credentials that use another key.')
    .addHelpText('after', examples({ 'credentials rotate': 'after adding a new first key to OMNITENANT_KEYS' }))
    .action(async (_, command) => {
      await withApplication(command, async ({ orm }) => {
        const { rotated, unchanged, failed, stopped } = await interruptible(again, async (signal) => ({
          ...(await postgreSqlPart(orm, 'credentials').rotate({ signal })),
          stopped: signal.aborted,
        }));
        for (const { error } of failed) warn(sentenceOf(error));
        say(`${rotated} resealed, ${unchanged} unchanged, ${failed.length} failed`);
        if (failed.length === 0 && !stopped) return;
        process.exitCode = exitCodes.failed;
        warn(again);
      });
    });
}

const again = 'Keep the old key in OMNITENANT_KEYS and run the command again to continue.';

/** Never an argument: the shell history and the process list would show it. */
async function askUrl(options: CommonOptions): Promise<string> {
  if (process.stdin.isTTY) {
    return askPassword(options, { message: 'Server URL', instead: 'the URL on standard input: … < url.txt' });
  }
  const url = (await text(process.stdin)).trim();
  if (url === '') throw new UsageError('The URL on standard input is empty.');
  return url;
}
