import type { Tenant } from '@omnitenant/core';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { report } from '../terminal/failure.ts';
import { print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';

export function suspend(program: Program): void {
  addStatusCommand(program, {
    verb: 'suspend',
    summary: 'refuse all access to tenants',
    description: 'Suspends active tenants: requests, jobs and scripts are refused until they are resumed.',
  });
}

export function resume(program: Program): void {
  addStatusCommand(program, {
    verb: 'resume',
    summary: 'make tenants active again',
    description: 'Makes suspended, archived and maintained tenants active again.',
  });
}

export function maintain(program: Program): void {
  addStatusCommand(program, {
    verb: 'maintain',
    summary: 'put tenants under maintenance',
    description: 'Puts active tenants under maintenance: callers are told to try again later.',
  });
}

interface StatusCommand {
  readonly verb: 'suspend' | 'resume' | 'maintain';
  readonly summary: string;
  readonly description: string;
}

/** Adds a command that changes the status of tenants, one after another; a failure does not stop the others. */
function addStatusCommand(program: Program, { verb, summary, description }: StatusCommand): void {
  program
    .command(verb)
    .summary(summary)
    .description(description)
    .argument('<tenants...>', 'tenant ids')
    .addHelpText('after', examples({ [`${verb} acme`]: 'one tenant', [`${verb} acme bloom`]: 'several tenants' }))
    .action(async (ids, _, command) => {
      await withApplication(command, async ({ tenancy }) => {
        await changeEach(ids, command.optsWithGlobals(), (id) =>
          tenancy.tenants[verb === 'maintain' ? 'startMaintenance' : verb](id),
        );
      });
    });
}

/** Changes tenants one after another; a failure does not stop the others. */
export async function changeEach(
  ids: readonly string[],
  options: CommonOptions,
  change: (id: string) => Promise<Tenant>,
): Promise<void> {
  for (const id of ids) {
    try {
      const { status } = await change(id);
      print(`${id}: ${status}`);
    } catch (error) {
      process.exitCode = report(error, options);
    }
  }
}
