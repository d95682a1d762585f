import type { CompiledMigration } from '../mikro-orm/migration-compiler.ts';
import { controlsTransactions, statementsOf } from '../sql/lexer.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { MigrationSet } from './migration-set.ts';
import type { Step } from './operation.ts';
import { digestInLog, digestOf } from './version.ts';

/** Steps that send the same SQL to each tenant, in one transaction. */
export interface Replay {
  /** Each migration's statements, followed by its log entry. */
  readonly statements: readonly string[];
  /** The migration of each statement. */
  readonly migrations: readonly string[];
}

/** What the steps send, or `undefined` if one of them runs code or is not transactional. */
export async function replayOf(set: MigrationSet, steps: readonly Step[]): Promise<Replay | undefined> {
  const statements: string[] = [];
  const migrations: string[] = [];
  for (const step of steps) {
    if (step.run) {
      const { sql, transactional } = await set.compile(step.name, step.direction);
      if (!transactional || !canReplay(sql)) return undefined;
      statements.push(...oneByOne(sql));
    }
    statements.push(logEntry(set, step));
    while (migrations.length < statements.length) migrations.push(step.name);
  }
  return { statements, migrations };
}

/**
 * Refuses what follows unless a transaction is open. A statement that has ended it would leave the next ones to run without one,
 * and so without a pin.
 */
export function expectTransaction({ logTable }: MigrationSet): string {
  return `lock table ${quoteName(logTable)} in access share mode`;
}

/** The statement that adds a migration to the tenant's log, or removes it. */
export function logEntry({ logTable }: MigrationSet, { name, direction }: Step): string {
  return direction === 'up'
    ? `insert into ${quoteName(logTable)} (name) values (${quoteText(name)})`
    : `delete from ${quoteName(logTable)} where name in (${[name, `${name}.js`, `${name}.ts`].map(quoteText).join(', ')})`;
}

/** Creates the log as MikroORM does. */
export function createLog({ logTable }: MigrationSet): string {
  return (
    `create table if not exists ${quoteName(logTable)} (id serial primary key, name varchar(255) not null, ` +
    'executed_at timestamptz(6) not null default current_timestamp)'
  );
}

/** The SQLSTATE that refuses a replay for another state than the tenant's. */
export const otherState = 'OT001';

/** Refuses what follows unless exactly these migrations are applied. */
export function expectApplied({ logTable }: MigrationSet, applied: readonly string[]): string {
  return `do $omnitenant$ begin if ${digestInLog(quoteName(logTable))} <> '${digestOf(applied)}' then
   raise exception 'other migrations have been applied' using errcode = '${otherState}'; end if; end $omnitenant$`;
}

/**
 * Refuses what follows if the schema does not exist. PostgreSQL skips a missing schema in the search path and creates tables
 * in the next one, which is for temporary tables.
 */
export function expectSchema(schema: string): string {
  return `do $omnitenant$ begin if current_schema() is distinct from ${quoteText(schema)} then
   raise exception 'the schema % does not exist', ${quoteText(schema)} using errcode = '3F000'; end if; end $omnitenant$`;
}

/** The SQLSTATE that refuses a statement while another process migrates the same target. */
export const heldByOther = 'OT002';

/**
 * Takes the migration lock of a target until the end of the transaction or session, and refuses if another process holds it.
 * No statement waits for the lock: a concurrent index build would wait for the waiting transaction.
 */
export function lockOf(schema: string, until: 'transaction' | 'session' = 'transaction'): string {
  return `do $omnitenant$ begin if not pg_try_advisory${until === 'transaction' ? '_xact' : ''}_lock(hashtextextended(${quoteText(`omnitenant:migrate:${schema}`)}, 0)) then
   raise exception 'another process is migrating the same tenant' using errcode = '${heldByOther}'; end if; end $omnitenant$`;
}

function canReplay(sql: CompiledMigration['sql']): sql is readonly string[] {
  return sql !== undefined && !sql.some(controlsTransactions);
}

/** What one call of `addSql` was given may hold several statements. It is read once, and then replayed for each tenant. */
function oneByOne(sql: readonly string[]): readonly string[] {
  const known = divided.get(sql) ?? sql.flatMap(statementsOf);
  divided.set(sql, known);
  return known;
}

const divided = new WeakMap<readonly string[], readonly string[]>();
