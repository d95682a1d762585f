import type { Tenancy } from '@omnitenant/core';
import { quoteName } from '../sql/quote.ts';
import type { Canaries } from './canary.ts';
import type { TestEntityManager } from './kit/session.ts';
import type { LeakReport } from './leak-report.ts';
import { textOf } from './text-of.ts';

/** Reads what one tenant has somewhere, inside that tenant's scope: only its own canaries belong there. */
export interface LeakProbe {
  readonly name: string;
  /** Gives anything: values are looked through to their depths. */
  read(tenant: string): unknown;
}

/**
 * Reads what the process has somewhere for all tenants, such as its log lines, jobs, or cache entries. Each of them belongs
 * to the tenants whose ids it names, and one that names none may carry nobody's canaries.
 */
export type LeakSink = () => Iterable<unknown> | Promise<Iterable<unknown>>;

/** What is looked through besides answers. */
export interface Inspection {
  readonly tenancy: Pick<Tenancy, 'run'>;
  readonly orm: { readonly em: TestEntityManager };
  readonly tenants: readonly string[];
  readonly probes: readonly LeakProbe[];
  readonly sinks: Readonly<Record<string, LeakSink>>;
  readonly canaries: Canaries;
  readonly report: LeakReport;
}

export const rowsKind = 'the rows';
export function probeKind(name: string): string {
  return `the probe "${name}"`;
}
export function sinkKind(name: string): string {
  return `the sink "${name}"`;
}

/** Looks through every place of every tenant, all tenants at once. */
export async function inspect(inspection: Inspection, during: string): Promise<void> {
  const { tenancy, tenants } = inspection;
  await Promise.all(tenants.map((tenant) => tenancy.run(tenant, () => inspectTenant(inspection, tenant, during))));
  await inspectSinks(inspection, during);
}

/** Looks through the rows and probes of the tenant whose scope this is. */
export async function inspectTenant(inspection: Inspection, tenant: string, during: string): Promise<void> {
  await inspectRows(inspection, tenant, during);
  for (const probe of inspection.probes) {
    const kind = probeKind(probe.name);
    inspection.report.look({ what: kind, kind, of: [tenant], during }, await probe.read(tenant));
  }
}

/** Looks through all columns of all tables that the scope's tenant may read, by SQL of the database's own. */
async function inspectRows(inspection: Inspection, tenant: string, during: string): Promise<void> {
  const rows = inspection.orm.em.getPlatform().supportsSchemas() ? markedRows(inspection) : allRows(inspection);
  for await (const { table, row } of rows) {
    inspection.report.look({ what: `the table "${table}"`, kind: rowsKind, of: [tenant], during }, row);
  }
}

interface FoundRow {
  readonly table: string;
  readonly row: unknown;
}

/** On PostgreSQL, the rows that have a canary in any column. */
async function* markedRows({ orm: { em }, canaries: { mark } }: Inspection): AsyncGenerator<FoundRow> {
  const tables = await em.execute<{ name: string }[]>(
    `select relname as name from pg_class
     where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'm') and not relispartition
       and has_table_privilege(oid, 'select')`,
  );
  const bytes = Buffer.from(mark).toString('hex');
  for (const { name } of tables) {
    const rows = await em.execute<{ text: string }[]>(
      `select t::text as text from ${quoteName(name)} t where t::text ilike '%${mark}%' or t::text like '%${bytes}%'`,
    );
    for (const { text } of rows) yield { table: name, row: text };
  }
}

/** Elsewhere, all rows of a tenant's own database. */
async function* allRows({ orm: { em } }: Inspection): AsyncGenerator<FoundRow> {
  const platform = em.getPlatform();
  const tables = await em.execute<{ table_name: string }[]>(platform.getSchemaHelper()?.getListTablesSQL() ?? '');
  for (const { table_name: table } of tables) {
    const rows = await em.execute<object[]>(`select * from ${platform.quoteIdentifier(table)}`);
    for (const row of rows) yield { table, row };
  }
}

async function inspectSinks({ sinks, tenants, canaries, report }: Inspection, during: string): Promise<void> {
  const named = tenantsIn(tenants);
  for (const [name, read] of Object.entries(sinks)) {
    for (const line of await read()) {
      const text = textOf(line);
      const of = named(canaries.without(text));
      report.look({ what: `a line of the sink "${name}"`, kind: sinkKind(name), of, during }, text);
    }
  }
}

/** Finds the tenants that a text names, each by the whole of its id. */
function tenantsIn(tenants: readonly string[]): (text: string) => string[] {
  // Of `acme-2` and `acme` the longer one is meant.
  const ids = [...tenants].sort((a, b) => b.length - a.length).join('|');
  const pattern = new RegExp(`(?<![a-z0-9])(?:${ids})(?![a-z0-9])`, 'g');
  return (text) => [...new Set(text.match(pattern))];
}
