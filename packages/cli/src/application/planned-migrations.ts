import type { MigrationWarning, PlannedMigration, PlannedStep } from '@omnitenant/orm';
import { paint, type Style } from '../terminal/output.ts';
import { someTenants } from './tenant-summary.ts';

/** Which tenants need which migrations, and the SQL of each migration with what it does to tables in use. */
export function planText({
  steps,
  migrations,
}: {
  readonly steps: readonly PlannedStep[];
  readonly migrations: readonly PlannedMigration[];
}): string {
  return [...steps.map(stepText), ...migrations.map((migration) => `\n${migrationText(migration)}`)].join('\n');
}

function stepText({ pending, tenants, examples: some }: PlannedStep): string {
  const migrations = pending?.join(', ') ?? 'determined from their migration logs';
  return `${paint('bold', someTenants(some, tenants))}: ${migrations}`;
}

/** One migration, with its SQL. */
export function migrationText({ name, sql, transactional, warnings }: PlannedMigration): string {
  const mark = transactional ? '' : paint('yellow', '  outside the transaction');
  const body = sql?.map((statement) => `${statement.trim()};`) ?? ['runs code; its SQL is not known in advance'];
  return [`${paint('cyan', name)}${mark}`, ...body.map((line) => `  ${line}`), ...warnings.map(warningText)].join('\n');
}

/** A warning in one line. */
export function warningText({ kind, message, statement }: MigrationWarning): string {
  const where = statement === undefined ? '' : ` (${statement.replaceAll(/\s+/g, ' ').slice(0, 80)})`;
  return `  ${paint(styles[kind], `${kind}:`)} ${message}${where}`;
}

const styles: Readonly<Record<MigrationWarning['kind'], Style>> = { loss: 'red', failure: 'red', lock: 'yellow' };
