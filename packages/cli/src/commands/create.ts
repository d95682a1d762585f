import { isTenantId, parseHost, TenancyError } from '@omnitenant/core';
import type { OmnitenantConfig } from '../application/config.ts';
import {
  columns,
  database,
  domain,
  isolation,
  json,
  name,
  schema,
  server,
  tenantConfig,
  url,
} from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { outcome, type TenantOptions, tenantInput } from '../application/tenant-input.ts';
import { examples } from '../terminal/examples.ts';
import { sentenceOf } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { paint, print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askChoice, askText, isolationChoices, isolationQuestion } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';
import { summaryOf } from './list.ts';

export function create(program: Program): void {
  program
    .command('create')
    .summary('make a tenant')
    .description('Makes a tenant, with its storage and all migrations. Without an id, it asks.')
    .argument('[id]', 'lower-case letters, digits and hyphens; it never changes')
    .addOption(name)
    .addOption(isolation)
    .addOption(domain)
    .addOption(server)
    .addOption(url)
    .addOption(database)
    .addOption(schema)
    .addOption(tenantConfig)
    .addOption(columns)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        create: 'asks',
        "create acme --name 'Acme Inc' --domain acme.com": 'with a domain',
        'create acme --isolation database --server eu': 'a database of its own, on the server eu',
        'create acme --isolation database --url env:ACME_URL': 'on a server of its own',
        'create acme --columns \'{"plan":"pro"}\'': 'with columns of your own',
      }),
    )
    .action(async (given, options, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const wish =
          given === undefined
            ? await ask({ ...options, ...command.optsWithGlobals() }, tenancy.tenants)
            : { id: given, ...options };
        const afterwards = `If it is left unfinished: omnitenant repair ${wish.id}`;
        const tenant = await interruptible(afterwards, () => tenancy.tenants.create(tenantInput(wish.id, wish)));
        if (options.json) printJson(summaryOf(tenant));
        else print(outcome(paint('green', 'created'), tenant));
      });
    });
}

/** Asks for what was not given. */
async function ask(
  options: TenantOptions & CommonOptions,
  tenants: OmnitenantConfig['tenancy']['tenants'],
): Promise<TenantOptions & { readonly id: string }> {
  const rule = 'Small letters, digits and inner hyphens, 48 at most, one letter at least; some words are reserved.';
  const id = await askText(options, {
    message: 'Id of the tenant',
    instead: 'the id: omnitenant create <id>',
    check: (value) => (isTenantId(value) ? undefined : rule),
  });
  // Told before the rest is asked.
  if (await tenants.tryGet(id))
    throw new TenancyError('TENANT_EXISTS', `There is a tenant '${id}' already.`, { tenant: id });
  const name = options.name ?? (await askText(options, { message: 'Name', instead: '--name <name>', initial: id }));
  const isolation =
    options.isolation ??
    (await askChoice(options, {
      message: isolationQuestion,
      instead: '--isolation <isolation>',
      choices: [{ value: '', label: 'as the application says' }, ...isolationChoices],
    }));
  const hosts = await askText(options, {
    message: 'Domains, the primary one first (none: Enter)',
    instead: '--domain <host>',
    check: whyNoHosts,
  });
  const domain = [...options.domain, ...hostsOf(hosts)];
  return { ...options, id, name: name || id, isolation: isolation || undefined, domain };
}

function whyNoHosts(text: string): string | undefined {
  try {
    for (const host of hostsOf(text)) parseHost(host);
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}

function hostsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
