import { isTenancyError, type Tenant, type TenantStatus } from '@omnitenant/core';
import type { SharedSchemaReport, VerifyReport } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { json } from '../application/options.ts';
import { someTenants } from '../application/tenant-summary.ts';
import { isWell } from '../application/verify-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes } from '../terminal/failure.ts';
import { paint, print, type Style } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function doctor(program: Program): void {
  program
    .command('doctor')
    .summary('check the database, the pooler and the tenants')
    .description('Checks the database, the pooler in front of it, and the tenants. It leaves nothing changed.')
    .addOption(json)
    .addHelpText('after', examples({ doctor: 'exit code 1 if there is a problem to fix' }))
    .action(async ({ json: asJson }, command) => {
      await withApplication(command, async (application) => {
        // Imported here so that the help does not load MikroORM.
        const { doctor: examine, formatDoctorReport } = await import('@omnitenant/orm');
        const server = await examine(application.orm.em.config.getAll()).catch(withoutServer);
        const tenants = await examineTenants(application);
        const isOpen = tenants?.sharedTables.some(({ open }) => open.length > 0);
        const drifted = tenants?.drift !== undefined && !isWell(tenants.drift);
        if (server?.pin.holds === false || isOpen || drifted) process.exitCode = exitCodes.failed;
        if (asJson) return printJson({ server, tenants: tenants && summaryOf(tenants) });
        const lines = server
          ? formatDoctorReport(server).split('\n')
          : ['ok    PGlite: there is no server, pooler or role to check.'];
        for (const line of [...lines, ...tenantLines(tenants)]) print(colored(line));
      });
    });
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
  /** What is different from what the tenants' migrations make; `undefined` where that could not be found out. */
  readonly drift: VerifyReport | undefined;
}

async function examineTenants({ tenancy, orm }: OmnitenantConfig): Promise<TenantFacts | undefined> {
  try {
    const tenants: Tenant[] = [];
    for await (const tenant of tenancy.tenants.all()) tenants.push(tenant);
    let count = 0;
    for await (const { pending } of orm.migrations.status()) if (pending?.length !== 0) count += 1;
    const sharedTables = await orm.sharedTables.examine();
    // A standby takes no schema to compare with.
    const drift = await orm.migrations.verify().catch(() => undefined);
    return { byStatus: Object.groupBy(tenants, ({ status }) => status), pending: count, sharedTables, drift };
  } catch (error) {
    if (isTenancyError(error, 'CENTRAL_INCOMPLETE')) return undefined;
    throw error;
  }
}

function tenantLines(facts: TenantFacts | undefined): string[] {
  if (facts === undefined) return ['note  The central tables do not exist yet. Run: omnitenant migrate --central'];
  const { byStatus, pending, sharedTables, drift } = facts;
  const counts = Object.entries(byStatus).map(([status, tenants]) => `${tenants.length} ${status}`);
  const incomplete = [...(byStatus.failed ?? []), ...(byStatus.provisioning ?? [])];
  const lines = [
    `ok    Tenants: ${counts.join(', ') || 'none yet'}.`,
    ...incomplete.map(({ id }) => `note  Tenant "${id}" is incomplete. Run: omnitenant repair ${id}`),
    ...(byStatus.removing ?? []).map(({ id }) => `note  Tenant "${id}" is half removed. Run: omnitenant remove ${id}`),
    ...sharedTables.flatMap(schemaLines),
    ...driftLines(drift),
  ];
  const who = pending === 1 ? '1 tenant has' : `${pending} tenants have`;
  return pending === 0 ? lines : [...lines, `note  ${who} pending migrations. See: omnitenant plan`];
}

function driftLines(drift: VerifyReport | undefined): string[] {
  if (drift === undefined)
    return ['note  Tenants could not be compared with what their migrations make. See: omnitenant verify'];
  return drift.groups.map(({ tenants, message }) => `FAIL  ${someTenants(tenants)}: ${message} See: omnitenant verify`);
}

const walls = {
  on: 'also from hostile SQL, by a login of their own',
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

function summaryOf({ byStatus, pending, sharedTables, drift }: TenantFacts) {
  const counts = Object.entries(byStatus).map(([status, { length }]) => [status, length]);
  return { byStatus: Object.fromEntries(counts), pending, sharedTables, drift };
}
