import {
  type Health,
  type HealthCheck,
  isTenancyError,
  type TenancyError,
  type Tenant,
  type TenantStatus,
} from '@omnitenant/core';
import type { ReadyStock, ServersReport, SharedSchemaReport, VerifyReport } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { json, watch } from '../application/options.ts';
import { someTenants } from '../application/tenant-summary.ts';
import { isWell } from '../application/verify-tenants.ts';
import { checkTimeoutMs, watchHealth } from '../application/watch-health.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, report } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { paint, print, type Style } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function doctor(program: Program): void {
  program
    .command('doctor')
    .summary('check the database, the pooler and the tenants')
    .description(
      'Checks the database, the pooler in front of it, every server that the application uses, and the tenants. It changes nothing.',
    )
    .addOption(json)
    .addOption(watch)
    .addHelpText(
      'after',
      examples({
        doctor: 'exit code 1 if there is a problem to fix',
        'doctor --watch': 'look again every 5 seconds until Ctrl-C, and print what changes',
      }),
    )
    .action(async ({ json: asJson, watch: seconds }, command) => {
      await withApplication(command, async (application) => {
        const findings = await examineAll(application);
        const { servers, health, hasFault, unreachable } = findings;
        if (hasFault || !health.ready) process.exitCode = exitCodes.failed;
        if (asJson) printJson(dataOf(findings));
        else await printReport(findings);
        if (unreachable) report(unreachable, command.optsWithGlobals());
        if (seconds === undefined) return;
        const last = await watched(application, withServers(health, servers), seconds * 1_000, asJson === true);
        process.exitCode = hasFault || !last.ready ? exitCodes.failed : exitCodes.done;
      });
    });
}

interface Findings {
  /** `undefined` for PGlite and files, which are no servers. */
  readonly servers: ServersReport | undefined;
  readonly tenants: TenantFacts | undefined;
  readonly health: Health;
  readonly hasFault: boolean;
  /** Why servers and tenants could not be examined: a server that is needed for it does not answer. */
  readonly unreachable?: TenancyError;
}

async function examineAll(application: OmnitenantConfig): Promise<Findings> {
  const { orm, tenancy } = application;
  const checkHealth = () => tenancy.health({ timeoutMs: checkTimeoutMs, nameTenants: true });
  try {
    const servers = await orm.examineServers?.().catch(withoutServer);
    const tenants = await examineTenants(application);
    const isOpen = tenants?.sharedTables.some(({ open }) => open.length > 0) === true;
    const drifted = tenants?.drift !== undefined && !isWell(tenants.drift);
    const failed = serverChecks(servers).some(({ status }) => status === 'failed');
    return { servers, tenants, health: await checkHealth(), hasFault: failed || isOpen || drifted };
  } catch (error) {
    if (!isTenancyError(error, 'SERVER_UNAVAILABLE') && !isTenancyError(error, 'STORE_UNAVAILABLE')) throw error;
    return { servers: undefined, tenants: undefined, health: await checkHealth(), hasFault: true, unreachable: error };
  }
}

async function printReport({ servers, tenants, health, unreachable }: Findings): Promise<void> {
  const checks = health.checks.map(checkLine);
  const lines = unreachable ? checks : [...(await serverLines(servers)), ...checks, ...tenantLines(tenants)];
  for (const line of lines) print(colored(line));
}

async function serverLines(examined: ServersReport | undefined): Promise<string[]> {
  if (examined === undefined) return ['ok    There is no server, pooler or role to check.'];
  // Imported here so that the help does not load MikroORM.
  const { formatServerExamination } = await import('@omnitenant/orm');
  const lines = examined.servers.flatMap((server) => formatServerExamination(server).split('\n'));
  const more =
    examined.leftOut === 1 ? '1 more server of a tenant was' : `${examined.leftOut} more servers of tenants were`;
  return examined.leftOut === 0 ? lines : [...lines, `note  ${more} not examined.`];
}

/** Prints what changes, each line with its time, until the command is interrupted. */
function watched({ tenancy, orm }: OmnitenantConfig, first: Health, everyMs: number, asJson: boolean): Promise<Health> {
  const time = () => new Date().toISOString();
  async function look(): Promise<Health> {
    const health = await tenancy.health({ timeoutMs: checkTimeoutMs, nameTenants: true });
    // Where central's server is gone, health says so.
    return withServers(health, await orm.examineServers?.({ clients: watchingClients }).catch(() => undefined));
  }
  return interruptible('', (signal) =>
    watchHealth(look, first, {
      everyMs,
      signal,
      onChange: (check) =>
        asJson
          ? print(JSON.stringify({ time: time(), ...check }))
          : print(`${paint('dim', time())}  ${colored(checkLine(check))}`),
    }),
  );
}

/** As many as it takes to see whether one client's statements reach another. */
const watchingClients = 2;

/** Health, and what was found out about the servers. */
function withServers({ live, ready, checks }: Health, servers: ServersReport | undefined): Health {
  const further = serverChecks(servers);
  return {
    live,
    ready: ready && further.every(({ status }) => status !== 'failed'),
    checks: [...checks, ...further],
  };
}

function serverChecks(report: ServersReport | undefined): HealthCheck[] {
  return (report?.servers ?? []).map(({ server, tenant, report: found, fault, ms }) => ({
    name: tenant === undefined ? `doctor: server ${server}` : `doctor: own server of ${tenant}`,
    ms,
    ...(found?.pin.holds ? { status: 'ok' } : { status: 'failed', reason: fault ?? 'Tenant isolation fails.' }),
  }));
}

const marks = { ok: 'ok', warning: 'note', failed: 'FAIL' } as const;

function checkLine({ name, status, ms, reason, tenants = [] }: HealthCheck): string {
  const named = tenants.length === 0 ? '' : ` Among the tenants: ${tenants.join(', ')}.`;
  return `${marks[status].padEnd(5)} Check "${name}": ${reason ?? `works, in ${ms} ms.`}${named}`;
}

/** PGlite has no server to check. */
function withoutServer(error: unknown): undefined {
  if (!isTenancyError(error, 'CONFIG_INVALID')) throw error;
}

interface TenantFacts {
  readonly byStatus: Partial<Record<TenantStatus, readonly Tenant[]>>;
  /** The number of tenants with pending migrations. */
  readonly pending: number;
  readonly sharedTables: readonly SharedSchemaReport[];
  /** What was made before its tenants; `undefined` where a server could not be asked. */
  readonly ready: readonly ReadyStock[] | undefined;
  /** What is different from what the tenants' migrations make; `undefined` where that could not be found out. */
  readonly drift: VerifyReport | undefined;
}

async function examineTenants({ tenancy, orm }: OmnitenantConfig): Promise<TenantFacts | undefined> {
  try {
    const tenants: Tenant[] = [];
    for await (const tenant of tenancy.tenants.all()) tenants.push(tenant);
    let count = 0;
    for await (const { pending } of orm.migrations.status()) if (pending?.length !== 0) count += 1;
    const sharedTables = (await orm.sharedTables?.examine()) ?? [];
    // A standby takes no schema to compare with.
    const drift = await orm.migrations.verify().catch(() => undefined);
    // A server that is down is a fault of its own.
    const ready = await orm.ready?.stock().catch(() => undefined);
    return { byStatus: Object.groupBy(tenants, ({ status }) => status), pending: count, sharedTables, ready, drift };
  } catch (error) {
    if (isTenancyError(error, 'CENTRAL_INCOMPLETE')) return undefined;
    throw error;
  }
}

function tenantLines(facts: TenantFacts | undefined): string[] {
  if (facts === undefined) return ['note  The central tables do not exist yet. Run: omnitenant migrate --central'];
  const { byStatus, pending, sharedTables, ready, drift } = facts;
  const counts = Object.entries(byStatus).map(([status, tenants]) => `${tenants.length} ${status}`);
  const incomplete = [...(byStatus.failed ?? []), ...(byStatus.provisioning ?? [])];
  const lines = [
    `ok    Tenants: ${counts.join(', ') || 'none yet'}.`,
    ...incomplete.map(({ id }) => `note  Tenant "${id}" is incomplete. Run: omnitenant repair ${id}`),
    ...(byStatus.removing ?? []).map(({ id }) => `note  Tenant "${id}" is half removed. Run: omnitenant remove ${id}`),
    ...sharedTables.flatMap(schemaLines),
    ...(ready ?? []).map(stockLine),
    ...driftLines(drift),
  ];
  const who = pending === 1 ? '1 tenant has' : `${pending} tenants have`;
  return pending === 0 ? lines : [...lines, `note  ${who} pending migrations. See: omnitenant plan`];
}

function stockLine({ isolation, server, ready, outdated }: ReadyStock): string {
  const where = `isolation '${isolation}', server "${server}"`;
  return outdated === 0
    ? `ok    Made ahead for ${where}: ${ready}.`
    : `note  Made ahead for ${where}: ${ready}, and ${outdated} by other migrations. Run: omnitenant ready --count ${ready + outdated} --isolation ${isolation} --server ${server}`;
}

function driftLines(drift: VerifyReport | undefined): string[] {
  if (drift === undefined)
    return ['note  Tenants could not be compared with what their migrations make. See: omnitenant verify'];
  return drift.groups.map(({ tenants, message }) => `FAIL  ${someTenants(tenants)}: ${message} See: omnitenant verify`);
}

const walls = {
  on: 'also from hostile SQL, by a separate login',
  off: "but not from hostile SQL: the wall is off, as they have the application's login (option rows)",
} as const;

/** What keeps the tenants of a shared schema apart, or does not, and what a database administrator has to run. */
function schemaLines({ database, schema, tenants, wall, open, closed, sql }: SharedSchemaReport): string[] {
  const subject = `Isolation 'row', schema "${schema}" of "${database}"`;
  if (open.length + closed.length === 0) {
    return tenants === 0
      ? []
      : [`ok    ${subject}: ${tenants === 1 ? '1 tenant is' : `${tenants} tenants are`} kept apart, ${walls[wall]}.`];
  }
  return [
    ...open.map((fault) => `FAIL  ${subject}: ${fault}.`),
    ...closed.map((fault) => `note  ${subject}: ${fault}.`),
    ...(sql.length === 0 ? [] : [`note  ${subject}: have a database administrator run this SQL:`]),
    ...sql.map((statement) => `      ${statement};`),
  ];
}

const styles: Readonly<Record<string, Style>> = { ok: 'green', note: 'yellow', FAIL: 'red' };

function colored(line: string): string {
  const [mark = ''] = line.split(' ');
  const style = styles[mark];
  return style === undefined ? line : paint(style, mark) + line.slice(mark.length);
}

/** What `--json` prints. */
function dataOf({ servers, tenants, health }: Findings) {
  return { ...servers, tenants: tenants && summaryOf(tenants), health };
}

function summaryOf({ byStatus, pending, sharedTables, ready, drift }: TenantFacts) {
  const counts = Object.entries(byStatus).map(([status, { length }]) => [status, length]);
  return { byStatus: Object.fromEntries(counts), pending, sharedTables, ready, drift };
}
