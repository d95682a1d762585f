import { isTenancyError, type Tenant, type TenantStatus } from '@omnitenant/core';
import type { OmnitenantConfig } from '../application/config.ts';
import { json } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes } from '../terminal/failure.ts';
import { paint, print, type Style } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function doctor(program: Program): void {
  program
    .command('doctor')
    .summary('examine the database, the pooler and the tenants')
    .description('Examines the database, the pooler in front of it, and the tenants. It changes nothing.')
    .addOption(json)
    .addHelpText('after', examples({ doctor: 'exit code 1 where something must not stay so' }))
    .action(async ({ json: asJson }, command) => {
      await withApplication(command, async (application) => {
        // Imported here, so that help and mistakes are told without MikroORM having been loaded.
        const { doctor: examine, formatDoctorReport } = await import('@omnitenant/orm');
        const server = await examine(application.orm.em.config.getAll()).catch(withoutServer);
        const tenants = await examineTenants(application);
        if (server?.pin.holds === false) process.exitCode = exitCodes.failed;
        if (asJson) return printJson({ server, tenants: tenants && summaryOf(tenants) });
        const lines = server
          ? formatDoctorReport(server).split('\n')
          : ['ok    PGlite: no server, pooler or role to examine.'];
        for (const line of [...lines, ...describeTenants(tenants)]) print(coloured(line));
      });
    });
}

/** PGlite has none. */
function withoutServer(error: unknown): undefined {
  if (!isTenancyError(error, 'CONFIG_INVALID')) throw error;
}

interface TenantFacts {
  readonly byStatus: Partial<Record<TenantStatus, readonly Tenant[]>>;
  /** How many lack migrations. */
  readonly behind: number;
}

async function examineTenants({ tenancy, orm }: OmnitenantConfig): Promise<TenantFacts | undefined> {
  try {
    const tenants: Tenant[] = [];
    for await (const tenant of tenancy.tenants.all()) tenants.push(tenant);
    let behind = 0;
    for await (const { pending } of orm.migrations.status()) if (pending?.length !== 0) behind += 1;
    return { byStatus: Object.groupBy(tenants, ({ status }) => status), behind };
  } catch (error) {
    if (isTenancyError(error, 'STORE_UNAVAILABLE')) return undefined;
    throw error;
  }
}

function describeTenants(facts: TenantFacts | undefined): string[] {
  if (facts === undefined) return ['note  Central has no tables yet: omnitenant migrate --central.'];
  const { byStatus, behind } = facts;
  const counts = Object.entries(byStatus).map(([status, tenants]) => `${tenants.length} ${status}`);
  const unfinished = [...(byStatus.failed ?? []), ...(byStatus.provisioning ?? [])];
  return [
    `ok    Tenants: ${counts.join(', ') || 'none yet'}.`,
    ...unfinished.map(({ id }) => `note  ${id} is not finished: omnitenant repair ${id}.`),
    ...(byStatus.removing ?? []).map(({ id }) => `note  ${id} is not wholly removed: omnitenant remove ${id}.`),
    ...(behind > 0
      ? [`note  ${behind === 1 ? '1 tenant lacks' : `${behind} tenants lack`} migrations: omnitenant plan.`]
      : []),
  ];
}

const styles: Readonly<Record<string, Style>> = { ok: 'green', note: 'yellow', FAIL: 'red' };

function coloured(line: string): string {
  const [mark = ''] = line.split(' ');
  const style = styles[mark];
  return style === undefined ? line : paint(style, mark) + line.slice(mark.length);
}

function summaryOf({ byStatus, behind }: TenantFacts) {
  const counts = Object.entries(byStatus).map(([status, { length }]) => [status, length]);
  return { byStatus: Object.fromEntries(counts), behind };
}
