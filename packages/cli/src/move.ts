import type { Tenant } from '@omnitenant/core';
import { examples } from './examples.ts';
import { report } from './failure.ts';
import type { Program } from './program.ts';
import { withApplication } from './session.ts';
import { print } from './terminal.ts';

/** A command that brings tenants from one status into another. */
export interface Move {
  readonly verb: 'suspend' | 'resume' | 'maintain' | 'archive';
  readonly summary: string;
  readonly description: string;
}

/** Adds it: one tenant after another, each on its own. */
export function addMove(program: Program, { verb, summary, description }: Move): void {
  program
    .command(verb)
    .summary(summary)
    .description(description)
    .argument('<tenants...>', 'their ids')
    .addHelpText('after', examples({ [`${verb} acme`]: 'one', [`${verb} acme bloom`]: 'several' }))
    .action(async (ids, _, command) => {
      await withApplication(command, async ({ tenancy }) => {
        for (const id of ids) {
          try {
            const { status }: Tenant = await tenancy.tenants[verb](id);
            print(`${id}: ${status}`);
          } catch (error) {
            process.exitCode = report(error, command.optsWithGlobals());
          }
        }
      });
    });
}
