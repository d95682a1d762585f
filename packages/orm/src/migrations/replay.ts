import { suspect } from '../session/cleanup.ts';
import { mayEndTransaction } from '../sql/lexer.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { CompiledMigration, MigrationSet } from './migration-set.ts';
import type { Step } from './operation.ts';
import { digestInLog, digestOf } from './version.ts';

/** Steps of which each tenant gets the same SQL, in one transaction. */
export interface Replay {
  /** The statements, each migration's followed by its entry in the log. */
  readonly statements: readonly string[];
  /** Whether they may leave something in the session. */
  readonly leaves: boolean;
}

/** What is sent for the steps, or `undefined` where one of them runs code, or runs in no transaction. */
export async function replayOf(set: MigrationSet, steps: readonly Step[]): Promise<Replay | undefined> {
  const statements: string[] = [];
  for (const step of steps) {
    if (step.run) {
      const { sql, transactional } = await set.compile(step.name, step.direction);
      if (!transactional || !canReplay(sql)) return undefined;
      statements.push(...sql);
    }
    statements.push(logEntry(set, step));
  }
  return { statements, leaves: statements.some((sql) => suspect.test(sql) || /\btemp/i.test(sql)) };
}

/** The statement that writes a migration into the tenant's log, or strikes it out. */
export function logEntry({ logTable }: MigrationSet, { name, direction }: Step): string {
  return direction === 'up'
    ? `insert into ${quoteName(logTable)} (name) values (${quoteText(name)})`
    : `delete from ${quoteName(logTable)} where name in (${[name, `${name}.js`, `${name}.ts`].map(quoteText).join(', ')})`;
}

/** The log, as MikroORM makes it. */
export function createLog({ logTable }: MigrationSet): string {
  return (
    `create table if not exists ${quoteName(logTable)} (id serial primary key, name varchar(255) not null, ` +
    'executed_at timestamptz(6) not null default current_timestamp)'
  );
}

/** The SQLSTATE with which a tenant's log refuses a replay that was made for another state. */
export const otherState = 'OT001';

/** Refuses what follows unless exactly these migrations are applied. */
export function expectApplied({ logTable }: MigrationSet, applied: readonly string[]): string {
  return `do $omnitenant$ begin if ${digestInLog(quoteName(logTable))} <> '${digestOf(applied)}' then
   raise exception 'other migrations have been applied' using errcode = '${otherState}'; end if; end $omnitenant$`;
}

/**
 * Refuses what follows where the schema is not there. PostgreSQL passes over one in the search path that is missing, and makes
 * tables in the next: that of temporary ones.
 */
export function expectSchema(schema: string): string {
  return `do $omnitenant$ begin if current_schema() is distinct from ${quoteText(schema)} then
   raise exception 'the schema % is not there', ${quoteText(schema)} using errcode = '3F000'; end if; end $omnitenant$`;
}

/** The SQLSTATE with which a statement is refused while somebody else migrates the same place. */
export const heldByOther = 'OT002';

/**
 * Takes the lock of whoever migrates a place, until the end of the transaction, or of the session, and refuses where another
 * has it. Nobody waits for it in the database: a concurrent index build waits for every transaction that waits for anything.
 */
export function lockOf(schema: string, until: 'transaction' | 'session' = 'transaction'): string {
  return `do $omnitenant$ begin if not pg_try_advisory${until === 'transaction' ? '_xact' : ''}_lock(hashtextextended(${quoteText(`omnitenant:migrate:${schema}`)}, 0)) then
   raise exception 'another process is migrating it' using errcode = '${heldByOther}'; end if; end $omnitenant$`;
}

function canReplay(sql: CompiledMigration['sql']): sql is readonly string[] {
  return sql !== undefined && !sql.some(mayEndTransaction);
}
