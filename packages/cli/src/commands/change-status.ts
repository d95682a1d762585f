import type { Tenant, TenantStatus } from '@omnitenant/core';
import type { OmnitenantConfig } from '../application/config.ts';
import { json } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { report, sentenceOf, UsageError } from '../terminal/failure.ts';
import { note, say } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

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
    all: 'maintenance',
    summary: 'make tenants active again',
    description: 'Makes suspended, archived and maintained tenants active again.',
  });
}

export function maintain(program: Program): void {
  addStatusCommand(program, {
    verb: 'maintain',
    all: 'active',
    summary: 'put tenants under maintenance',
    description: 'Puts active and suspended tenants under maintenance: callers get 503 and Retry-After.',
  });
}

interface StatusCommand {
  readonly verb: 'suspend' | 'resume' | 'maintain';
  /** The status of the tenants that --all means; without it there is no --all. */
  readonly all?: TenantStatus;
  readonly summary: string;
  readonly description: string;
}

/** Adds a command that changes the status of tenants, one after another; a failure does not stop the others. */
function addStatusCommand(program: Program, { verb, all, summary, description }: StatusCommand): void {
  const added = program
    .command(verb)
    .summary(summary)
    .description(description)
    .argument('[tenants...]', 'tenant ids')
    .addHelpText('after', examples({ [`${verb} acme`]: 'one tenant', [`${verb} acme bloom`]: 'several tenants' }));
  if (all !== undefined) added.option('--all', `every tenant in status "${all}"`);
  added.addOption(json).action(async (named, _, command) => {
    const options = command.optsWithGlobals() as ChangeOptions & { readonly all?: true };
    if (options.all ? named.length > 0 : named.length === 0) {
      throw new UsageError(`Name the tenants by their ids${all === undefined ? '' : ', or pass --all'}.`);
    }
    await withApplication(command, async ({ tenancy: { tenants } }) => {
      const ids = options.all ? await idsIn(tenants, all) : named;
      if (ids.length === 0) note(`There are no tenants in status "${all}".`);
      await changeEach(
        ids,
        options,
        (id) => tenants[verb === 'maintain' ? 'startMaintenance' : verb](id),
        async (id) => ((await tenants.get(id)).status === leadsTo[verb] ? leadsTo[verb] : undefined),
      );
    });
  });
}

const leadsTo: Readonly<Record<StatusCommand['verb'], TenantStatus>> = {
  suspend: 'suspended',
  resume: 'active',
  maintain: 'maintenance',
};

async function idsIn(
  tenants: OmnitenantConfig['tenancy']['tenants'],
  status: TenantStatus | undefined,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { id } of tenants.all(status === undefined ? {} : { status })) ids.push(id);
  return ids;
}

export interface ChangeOptions extends CommonOptions {
  readonly json?: true | undefined;
}

/** What became of a tenant, as `--json` prints it. */
interface Outcome {
  readonly id: string;
  readonly status?: TenantStatus;
  readonly changed: boolean;
  readonly error?: string;
}

/** Changes tenants one after another; a failure does not stop the others, and what is so already is no failure. */
export async function changeEach(
  ids: readonly string[],
  options: ChangeOptions,
  change: (id: string) => Promise<Tenant>,
  isDone: (id: string) => Promise<TenantStatus | undefined> = async () => undefined,
): Promise<void> {
  const outcomes: Outcome[] = [];
  for (const id of ids) {
    try {
      const done = await isDone(id);
      const status = done ?? (await change(id)).status;
      outcomes.push({ id, status, changed: done === undefined });
      if (!options.json) say(`${id}: ${done ? 'nothing to do, it is ' : ''}${status}`);
    } catch (error) {
      outcomes.push({ id, changed: false, error: sentenceOf(error) });
      process.exitCode = report(error, options);
    }
  }
  if (options.json) printJson(outcomes);
}
