import { TenancyError } from '@omnitenant/core';
import { bound, type NativeDatabase, type NativeStatement } from './native.ts';
import { refuseSecondStatement } from './one-statement.ts';

/** The words without which no statement opens another file. SQLite has no other way to write a keyword or the name of a function. */
const openingWords = /attach|vacuum|readfile|writefile|fsdir|sha3_query|sqlite_dbpage/i;

/**
 * libsql has functions that read and write files, one that runs a text as a statement, and a table of the pages that a schema is written in.
 * What they are named in is kept by SQLite, and would be run without the word.
 */
const fileFunctions = /readfile|writefile|fsdir|sha3_query|sqlite_dbpage/i;

/** Pragmas that SQLite obeys while it compiles them, also where it is only asked to explain them, as it is below. */
const foreignPragmas = /writable_schema|trusted_schema|heap_limit|store_directory/i;
const isPragma = /^[\s;]*(?:explain\s+)?(?:query\s+plan\s+)?pragma\b/i;
const comments = /--[^\n]*|\/\*.*?(?:\*\/|$)/gs;

/** libsql writes the name of a vector index into statements of its own as it is, and runs them one after the other. */
const vectorIndex = /libsql_vector_idx/i;
const secondStatement = /;(?!\s*$)/;

/** What statements are looked at with. */
export interface StatementRules {
  readonly tenant: string;
  /** Names of functions that nobody knows to stay in the file. */
  readonly unknown: RegExp | undefined;
}

/** One step of the program that SQLite has compiled a statement to. */
interface Opcode {
  readonly opcode: string;
  readonly p2: number;
  readonly p4: string | null;
}

/**
 * Prepares a statement that reaches the handle's own file only. What SQLite makes of a statement with one of the words is asked of
 * SQLite itself, by `explain`, so that a string, a column or a comment with such a word is no reason to refuse.
 *
 * @throws STATEMENT_REFUSED for `attach`, `detach`, `vacuum into`, what reads and writes files or runs a text, pragmas that are not the tenant's own, and
 *   several statements at once.
 */
export function prepareInOwnFile(
  database: NativeDatabase,
  sql: string,
  parameters: readonly unknown[],
  { tenant, unknown }: StatementRules,
): NativeStatement {
  if (foreignPragmas.test(sql) && isPragma.test(sql.replaceAll(comments, ' '))) throw notItsOwn(tenant);
  if (vectorIndex.test(sql) && secondStatement.test(sql)) throw namedAsStatement(tenant);
  if (unknown?.test(sql)) refuseUnknown(database, sql, parameters, { tenant, unknown });
  if (openingWords.test(sql)) refuseOtherFiles(database, sql, parameters, tenant);
  const statement = database.prepare(sql);
  // better-sqlite3 refuses a second statement itself.
  if (statement.readonly === undefined) refuseSecondStatement(database, sql, tenant);
  return statement;
}

function programOf(database: NativeDatabase, sql: string, parameters: readonly unknown[]): readonly Opcode[] {
  // What cannot be explained is not run either: SQLite's own error says why.
  const explained = database.prepare(`explain ${sql}`);
  const program = explained.all(bound(parameters)) as Opcode[];
  // libsql would go on with it, and commit nothing meanwhile.
  explained.get(bound(parameters));
  return program;
}

function refuseOtherFiles(database: NativeDatabase, sql: string, parameters: readonly unknown[], tenant: string): void {
  const program = programOf(database, sql, parameters);
  const keepsFunction = fileFunctions.test(sql);
  if (!program.some((step) => opensFile(step) || (keepsFunction && hidesFunction(step)))) return;
  throw new TenancyError(
    'STATEMENT_REFUSED',
    `A statement in the scope of tenant "${tenant}" would open another file: attach, detach and vacuum into are refused, as are readfile, ` +
      "writefile, fsdir, sha3_query and sqlite_dbpage, because a scope has one file, its tenant's. Enter another tenant with tenancy.run().",
    { tenant },
  );
}

function refuseUnknown(
  database: NativeDatabase,
  sql: string,
  parameters: readonly unknown[],
  { tenant, unknown }: { readonly tenant: string; readonly unknown: RegExp },
): void {
  const program = programOf(database, sql, parameters);
  const calls = ({ opcode, p4 }: Opcode) => /Function|^Agg/.test(opcode) && unknown.test(p4 ?? '');
  if (!program.some((step) => calls(step) || hidesFunction(step))) return;
  throw new TenancyError(
    'STATEMENT_REFUSED',
    `A statement in the scope of tenant "${tenant}" uses "${unknown.exec(sql)?.[0]}", which this build of SQLite has and this version of omnitenant ` +
      'does not know: it might open a file. Use a build that was tested, or a newer omnitenant.',
    { tenant },
  );
}

function opensFile({ opcode, p2, p4 }: Opcode): boolean {
  if (opcode === 'Vacuum') return p2 !== 0;
  return (
    /^(?:Pure)?Function$/.test(opcode) &&
    /^(?:sqlite_(?:attach|detach)|readfile|writefile|sha3_query)\b/i.test(p4 ?? '')
  );
}

/** A virtual table, whose name the program does not have, or a view, a trigger or a default that is written down. */
function hidesFunction({ opcode }: Opcode): boolean {
  return opcode === 'VOpen' || opcode === 'ParseSchema';
}

function notItsOwn(tenant: string): TenancyError {
  const message =
    `A pragma in the scope of tenant "${tenant}" is refused: limits of memory and folders of temporary files are the whole process's, and what ` +
    'a schema may do is decided when its file is opened.';
  return new TenancyError('STATEMENT_REFUSED', message, { tenant });
}

function namedAsStatement(tenant: string): TenancyError {
  const message = `A vector index in the scope of tenant "${tenant}" is refused: libSQL runs what follows a semicolon. Give the index a plain name.`;
  return new TenancyError('STATEMENT_REFUSED', message, { tenant });
}
