import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import {
  appliedAfter,
  type Migrated,
  type MigrationSet,
  type Operation,
  PinnedMigrator,
  recordedReason,
  type Step,
  type TenantEntityManager,
  withSummary,
} from '@omnitenant/orm/extend';

/** What a file's migrations run with. */
export interface FileMigration {
  readonly set: MigrationSet;
  /** An EntityManager on the file, whose transactions check no reference before their end. */
  readonly em: TenantEntityManager;
  /** The tenant whose file it is; without one, a template. */
  readonly tenant?: Tenant | undefined;
}

/**
 * Performs an operation in one file. Each migration is a transaction, with its entry in the file's own log: what was killed goes on where
 * it ended, and a file that was restored says itself what it lacks.
 *
 * @throws MIGRATE_FAILED
 */
export async function migrateFile(migration: FileMigration, operation: Operation): Promise<Migrated> {
  const done: Step[] = [];
  let failing: Step | undefined;
  try {
    for (;;) {
      const { applied, ahead } = await appliedIn(migration);
      const next = operation.stepsFrom(applied)[0];
      if (next === undefined) return { steps: done, applied: appliedAfter(migration.set.names, applied, []), ahead };
      failing = next;
      if (ahead !== undefined && next.run && next.direction === 'down') throw revertsUnderNewer(ahead);
      if (await applyStep(migration, next)) done.push(next);
    }
  } catch (cause) {
    throw migrationFailed(migration, failing, done, cause);
  }
}

/** What a file's log says, without making one. */
export async function appliedIn({ set, em }: Pick<FileMigration, 'set' | 'em'>): Promise<{
  readonly applied: readonly string[];
  readonly ahead?: string | undefined;
}> {
  const [log] = await em.execute(`select 1 from sqlite_schema where type = 'table' and name = ${text(set.logTable)}`);
  if (log === undefined) return { applied: [] };
  const rows = await em.execute<{ name: string }[]>(`select name from ${name(set.logTable)} order by id`);
  const applied = rows.map((row) => row.name.replace(/\.[jt]s$/, ''));
  return { applied, ahead: applied.slice(-1).find((last) => !set.names.includes(last)) };
}

/** Returns false where another process was first. */
async function applyStep(migration: FileMigration, step: Step): Promise<boolean> {
  const { set, em } = migration;
  const { sql, transactional } = step.run
    ? await set.compile(step.name, step.direction)
    : { sql: [], transactional: true };
  if (!transactional) return applyOutside(migration, step, sql);
  return em.transactional(async (inside) => {
    if (!(await isNext({ set, em: inside }, step))) return false;
    if (sql) {
      for (const statement of [...sql, logEntry(set, step)]) await inside.execute(statement);
    } else {
      // MikroORM's migrator writes the entry itself.
      const transaction = inside.getTransactionContext() as never;
      await new PinnedMigrator(inside, undefined)[step.direction]({ migrations: [step.name], transaction });
    }
    await requireReferences(inside);
    return true;
  });
}

/** What SQLite does in no transaction, such as `vacuum`. A migration that is killed before its entry runs again. */
async function applyOutside(
  { set, em, tenant }: FileMigration,
  step: Step,
  sql: readonly string[] | undefined,
): Promise<boolean> {
  if (sql === undefined) {
    throw new TypeError(
      'It runs code and is not transactional. Queue its statements with addSql, or make it transactional.',
    );
  }
  if (!(await isNext({ set, em }, step))) return false;
  for (const [done, statement] of sql.entries()) {
    await em.execute(statement).catch((cause: unknown) => {
      throw done === 0 ? cause : failedInPart(tenant, step, { done, of: sql.length }, cause);
    });
  }
  await em.execute(logEntry(set, step));
  return true;
}

async function isNext({ set, em }: FileMigration, { name: migration, direction }: Step): Promise<boolean> {
  await em.execute(
    `create table if not exists ${name(set.logTable)} (id integer primary key autoincrement not null, name text not null, ` +
      'executed_at datetime not null default current_timestamp)',
  );
  const { applied } = await appliedIn({ set, em });
  return applied.includes(migration) === (direction === 'down');
}

/** References are not checked while a migration makes a table again, which is how SQLite changes one. They are whole at the end. */
async function requireReferences(em: TenantEntityManager): Promise<void> {
  const broken = await em.execute<{ table: string; parent: string }[]>('pragma foreign_key_check');
  const [first] = broken;
  if (first === undefined) return;
  throw new TypeError(
    `it would leave ${broken.length} rows whose reference leads nowhere, such as from "${first.table}" to "${first.parent}"`,
  );
}

function logEntry({ logTable }: MigrationSet, { name: migration, direction }: Step): string {
  return direction === 'up'
    ? `insert into ${name(logTable)} (name) values (${text(migration)})`
    : `delete from ${name(logTable)} where name in (${[migration, `${migration}.js`, `${migration}.ts`].map(text).join(', ')})`;
}

function name(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function revertsUnderNewer(ahead: string): TypeError {
  return new TypeError(
    `its last migration is "${ahead}", which this code does not have. Roll back with the code that has it`,
  );
}

function migrationFailed(
  { tenant }: FileMigration,
  step: Step | undefined,
  done: readonly Step[],
  cause: unknown,
): TenancyError {
  if (isTenancyError(cause, 'MIGRATE_FAILED') || isTenancyError(cause, 'TENANT_OUTDATED')) return cause;
  const where = whereOf(tenant);
  const names = done.map(({ name: each }) => `"${each}"`).join(', ');
  const kept = done.length > 0 ? ` These migrations stay applied: ${names}.` : '';
  const what = step === undefined ? `Migrating ${where} failed` : `The migration "${step.name}" failed in ${where}`;
  const andNow = `What failed is rolled back.${kept} Fix the cause and migrate again.`;
  const { message = String(cause) } = cause as { message?: string };
  const error = new TenancyError('MIGRATE_FAILED', `${what}: ${message.replace(/\.$/, '')}. ${andNow}`, {
    tenant: tenant?.id,
    cause,
  });
  return withSummary(error, `${what}: ${recordedReason(cause, message)}. ${andNow}`);
}

function failedInPart(
  tenant: Tenant | undefined,
  { name: migration }: Step,
  { done, of }: { readonly done: number; readonly of: number },
  cause: unknown,
): TenancyError {
  const { message = String(cause) } = cause as { message?: string };
  const what = `The migration "${migration}" failed in ${whereOf(tenant)}`;
  const andNow =
    `It is not transactional: the first ${done} of its ${of} statements stay done, and would run again. Undo them by hand, or write them so that they ` +
    'may run again, and migrate again.';
  const error = new TenancyError('MIGRATE_FAILED', `${what}: ${message.replace(/\.$/, '')}. ${andNow}`, {
    tenant: tenant?.id,
    cause,
  });
  return withSummary(error, `${what}: ${recordedReason(cause, message)}. ${andNow}`);
}

function whereOf(tenant: Tenant | undefined): string {
  return tenant === undefined ? 'a new file' : `tenant "${tenant.id}"`;
}
