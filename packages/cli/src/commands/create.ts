import { TenancyError } from '@omnitenant/core';
import { isTenantId, parseDomain } from '@omnitenant/core/extend';
import { askIsolation } from '../application/ask-isolation.ts';
import type { OmnitenantConfig } from '../application/config.ts';
import { newTenantCommand } from '../application/options.ts';
import { type TenantOptions, tenantInput } from '../application/tenant-input.ts';
import { outcome, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { sentenceOf } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askText } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';

export function create(program: Program): void {
  newTenantCommand(program, 'create')
    .summary('create a tenant')
    .description('Creates a tenant with its storage and applies all migrations. Without an id, it asks for everything.')
    .argument('[id]', 'lower-case letters, digits and hyphens; it cannot be changed later')
    .addHelpText(
      'after',
      examples({
        create: 'asks for everything',
        "create acme --name 'Acme Inc' --domain acme.com": 'with a domain',
        'create acme --isolation database --server eu': 'with its own database on the server "eu"',
        'create acme --isolation database --url env:ACME_URL': 'on a dedicated server',
        'create acme --columns \'{"plan":"pro"}\'': 'with your own columns',
      }),
    )
    .action(async (given, { json, ...options }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const { id, ...answers } =
          given === undefined
            ? await ask({ ...options, ...command.optsWithGlobals() }, tenancy.tenants)
            : { id: given, ...options };
        const afterwards = `If the tenant is incomplete, run: omnitenant repair ${id}`;
        const tenant = await interruptible(afterwards, () => tenancy.tenants.create(tenantInput(id, answers)));
        if (json) printJson(summaryOf(tenant));
        else print(outcome('created', tenant));
      });
    });
}

/** Asks for everything that was not given. */
async function ask(
  options: TenantOptions & CommonOptions,
  tenants: OmnitenantConfig['tenancy']['tenants'],
): Promise<TenantOptions & { readonly id: string }> {
  const id = await askText(options, {
    message: 'Tenant id',
    instead: 'the id: omnitenant create <id>',
    check: (value) => (isTenantId(value) ? undefined : idRule),
  });
  // An id that is taken is reported before the other questions.
  if (await tenants.tryGet(id)) {
    throw new TenancyError('TENANT_EXISTS', `Tenant "${id}" already exists.`, { tenant: id });
  }
  const name = options.name ?? (await askText(options, { message: 'Name', instead: '--name <name>', initial: id }));
  const isolation = options.isolation ?? (await askIsolation(options, [applicationDefault]));
  const hosts = await askText(options, {
    message: 'Domains, the primary one first (Enter for none)',
    instead: '--domain <host>',
    check: hostsProblem,
  });
  const domain = [...options.domain, ...hostsIn(hosts)];
  return { ...options, id, name: name || id, isolation: isolation || undefined, domain };
}

const idRule =
  'Use lower-case letters, digits and inner hyphens: at most 48 characters, at least one letter, and no reserved word.';

const applicationDefault = { value: '', label: 'default', hint: "the application's setting" };

function hostsProblem(text: string): string | undefined {
  try {
    for (const host of hostsIn(text)) parseDomain(host);
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}

function hostsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
