import { type Command, Option } from '@commander-js/extra-typings';
import type { DomainClaim, DomainProblem, Tenancy } from '@omnitenant/core';
import { csv, json } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, sentenceOf, UsageError } from '../terminal/failure.ts';
import { note, print, say, warn } from '../terminal/output.ts';
import type { CommonOptions } from '../terminal/program.ts';
import { type Column, printJson, printRows } from '../terminal/table.ts';

type Group = Command<[], Record<never, never>, CommonOptions>;

/** The commands for domains that customers bring and prove. */
export function domainClaims(domains: Group): void {
  claim(domains);
  verify(domains);
  claims(domains);
  release(domains);
  free(domains);
}

function claim(domains: Group): void {
  domains
    .command('claim')
    .description('Claims a domain for a tenant, and prints the DNS record by which its owner proves it.')
    .argument('<tenant>', 'tenant id')
    .argument('<host>', 'such as shop.example.com')
    .option('--primary', 'make it the primary domain once it is proved')
    .option('--json', 'JSON output')
    .addHelpText('after', examples({ 'domains claim acme shop.acme.com': 'prints the record to publish' }))
    .action(async (id, host, { primary = false, json }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const claimed = await tenancy.domains.claim(id, host, { primary });
        if (json) printJson(claimed);
        else print(recordLine(claimed));
        note(`When it is published, run: omnitenant domains verify ${id} ${claimed.host}`);
      });
    });
}

function verify(domains: Group): void {
  domains
    .command('verify')
    .description(
      'Asks DNS for the record of a claim, and gives the domain to the tenant if it is there. Exits with code 1 if it is not. With --due, checks all claims ' +
        'that are due, as a timer does every few minutes; it exits with code 1 if one cannot be checked.',
    )
    .argument('[tenant]', 'tenant id')
    .argument('[host]', 'the domain')
    .option('--due', 'all claims that are due, of all tenants')
    .option('--json', 'JSON output')
    .addHelpText(
      'after',
      examples({
        'domains verify acme shop.acme.com': 'one domain, now',
        'domains verify --due': 'for a cron job',
      }),
    )
    .action(async (id, host, { due = false, json = false }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        if (due && id === undefined) await verifyDue(tenancy, json);
        else if (!due && id !== undefined && host !== undefined) await verifyOne(tenancy, { id, host, json });
        else throw new UsageError('Name a tenant and a domain, or pass --due.');
      });
    });
}

async function verifyOne(
  tenancy: Tenancy,
  { id, host, json }: { readonly id: string; readonly host: string; readonly json: boolean },
): Promise<void> {
  const checked = await tenancy.domains.verify(id, host);
  if (json) printJson(checked);
  else print(verdict(checked));
  if (checked.problem !== undefined) process.exitCode = exitCodes.failed;
}

async function verifyDue(tenancy: Tenancy, json: boolean): Promise<void> {
  const { failed, ...checks } = await tenancy.domains.verifyDue();
  const failures = failed.map(({ claim, error }) => ({ claim, error: sentenceOf(error) }));
  if (json) printJson({ ...checks, failed: failures });
  else {
    for (const changed of [...checks.verified, ...checks.failing]) print(`${changed.tenant}: ${verdict(changed)}`);
    for (const { claim, error } of failures) warn(`${claim.tenant}: ${claim.host}: ${error}`);
    say(`checked ${checks.checked} claims`);
  }
  if (failures.length > 0) process.exitCode = exitCodes.failed;
}

function claims(domains: Group): void {
  domains
    .command('claims')
    .description('Lists the claims of tenants to domains, proved or not.')
    .argument('[tenant]', 'tenant id; default: all tenants')
    .addOption(new Option('--state <state>', 'only claims in this state').choices(['pending', 'verified', 'failing']))
    .option('--host <host>', 'only claims to this domain')
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        'domains claims acme': 'of one tenant',
        'domains claims --state failing': 'proved once, and not found any more',
      }),
    )
    .action(async (tenant, { state, host, ...format }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const found: DomainClaim[] = [];
        for await (const each of tenancy.domains.claims({ tenant, state, host })) found.push(each);
        await printRows(found, columns, format);
      });
    });
}

function release(domains: Group): void {
  domains
    .command('release')
    .description(
      'Gives up a claim, and the domain with it. Other tenants can have the domain after the cooling-off; this one can claim it again.',
    )
    .argument('<tenant>', 'tenant id')
    .argument('<host>', 'the domain')
    .addHelpText('after', examples({ 'domains release acme shop.acme.com': 'it leads nowhere from now on' }))
    .action(async (id, host, _, command) => {
      await withApplication(command, async ({ tenancy }) => {
        if (!(await tenancy.domains.release(id, host)))
          throw new UsageError(`Tenant "${id}" has neither a claim nor the domain ${host}; nothing was changed.`);
        say(`released ${host} from "${id}"`);
      });
    });
}

function free(domains: Group): void {
  domains
    .command('free')
    .description('Ends the cooling-off of a domain that a tenant had, so that another tenant can claim it now.')
    .argument('<host>', 'the domain')
    .addHelpText('after', examples({ 'domains free shop.acme.com': 'after a customer has moved to another tenant' }))
    .action(async (host, _, command) => {
      await withApplication(command, async ({ tenancy }) => {
        if (!(await tenancy.domains.free(host)))
          throw new UsageError(`No tenant had the domain ${host} lately; nothing was changed.`);
        say(`freed ${host}`);
      });
    });
}

const problems: Readonly<Record<DomainProblem, string>> = {
  missing: 'the record does not exist',
  different: 'the record has other values',
  unanswered: 'its DNS servers do not answer',
};

/** As the interfaces of DNS providers show a record. */
function recordLine({ record: { name, type, value } }: DomainClaim): string {
  return `${name}  ${type}  ${value}`;
}

function verdict({ host, state, problem, ...claim }: DomainClaim): string {
  if (problem === undefined) return `${host} is ${state}`;
  return `${host} is ${state}: ${problems[problem]}\n  ${recordLine({ host, state, ...claim })}`;
}

const columns: readonly Column<DomainClaim>[] = [
  { name: 'host', value: ({ host }) => host, style: () => 'bold' },
  { name: 'tenant', value: ({ tenant }) => tenant },
  { name: 'state', value: ({ state }) => state, style: ({ state }) => (state === 'failing' ? 'red' : undefined) },
  { name: 'problem', value: ({ problem }) => problem },
  { name: 'checked', value: ({ checkedAt }) => checkedAt?.toISOString() },
  { name: 'record', value: ({ record }) => record.name },
  { name: 'value', value: ({ record }) => record.value },
];
