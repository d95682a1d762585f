import { TenancyError } from '@omnitenant/core';
import { type OrmPlacement, tenantSetting } from '../../placement/placement.ts';
import { formerTenants, rowRoles, tenantColumn } from '../../placement/shared-tables.ts';
import { pinOf } from '../../session/pin.ts';
import { type Enveloped, lastOf, type QueryResult, type SqlClient, type TransactionStatus } from '../../sql/client.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { codeOf as keywordsOf, maskedCode, statementsOf } from '../../sql/lexer.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { adaptStatement } from './adapt-statement.ts';
import { type Catalogue, catalogueQuery, readCatalogue } from './catalogue.ts';
import { protect } from './protect.ts';
import type { Expectation } from './requirement.ts';
import { tenantKeys } from './tenant-keys.ts';

/** What a migration's connection has to know of the shared schema. */
export interface RowMigration {
  readonly placement: OrmPlacement;
  readonly logTable: string;
  /** The schema of extensions, which is looked into after the tables' own. */
  readonly extensions?: string | undefined;
  /** Whether a statement may run in no transaction, which takes a session of its own. */
  readonly mayLeaveTransaction?: boolean | undefined;
}

/**
 * The connection that migrations of a shared schema run on, whatever kind they are of. A statement that changes tables runs as their
 * owner, and what it has made is protected and granted in the same transaction. A statement that changes rows runs once for each
 * tenant, who alone is seen by it, as it would in a schema of that tenant's own.
 */
export class RowMigrationClient implements SqlClient {
  readonly #client: SqlClient;
  readonly #migration: RowMigration;
  readonly #expected: Expectation;
  #inTransaction = false;
  /** What the tables were after the last statement, where they may have changed since. */
  #catalogue: Catalogue | undefined;

  constructor(client: SqlClient, migration: RowMigration) {
    this.#client = client;
    this.#migration = migration;
    const { placement, logTable } = migration;
    this.#expected = { schema: placement.schema, roles: rowRoles(placement), logTable };
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') {
      throw new TenancyError(
        'STATEMENT_REFUSED',
        'A migration of tables that tenants share cannot stream. Use execute.',
      );
    }
    return this.#message(statement, parameters);
  }

  async send({ text, values = [] }: Enveloped): Promise<QueryResult> {
    return lastOf(await this.#message(text, values));
  }

  /** A migration may leave anything in its session, so the connection is closed. */
  release(): void {
    this.#client.release(true);
  }

  getTransactionStatus(): TransactionStatus {
    return this.#inTransaction ? 'T' : 'I';
  }

  get processID(): number | undefined {
    return this.#client.processID;
  }

  async #message(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    const results: QueryResult[] = [];
    for (const statement of statementsOf(sql)) results.push(await this.#statement(statement, parameters));
    return results.length === 1 ? (results[0] as QueryResult) : results;
  }

  async #statement(statement: string, parameters: readonly unknown[]): Promise<QueryResult> {
    const control = keywordsOf(statement);
    if (begins.test(control)) return this.#begin(statement);
    if (ends.test(control)) {
      const result = await this.#end(statement);
      if (!chains.test(control)) return result;
      await this.#end('rollback');
      return this.#begin('begin');
    }
    if (this.#inTransaction) return this.#run(statement, parameters);
    try {
      await this.#begin('begin');
      const result = await this.#run(statement, parameters);
      await this.#end('commit');
      return result;
    } catch (error) {
      await this.#end('rollback').catch(() => {});
      if (!this.#migration.mayLeaveTransaction || codeOf(error) !== sqlState.activeTransaction) throw error;
    }
    return this.#runAlone(statement);
  }

  async #begin(statement: string): Promise<QueryResult> {
    const result = await this.#query(statement);
    this.#inTransaction = true;
    const { placement, extensions } = this.#migration;
    const pin = pinOf({ ...placement, role: this.#expected.roles.owner }, { rowsOf: '', extensions });
    await this.#query(pin.join('; '));
    return result;
  }

  async #end(statement: string): Promise<QueryResult> {
    this.#inTransaction = false;
    this.#catalogue = undefined;
    return this.#query(statement);
  }

  async #run(statement: string, parameters: readonly unknown[]): Promise<QueryResult> {
    const code = keywordsOf(statement);
    // What this package sends itself changes no table.
    if (statement.trimStart().startsWith('do $omnitenant$')) return this.#query(statement);
    if (transactionControl.test(code) || isRead(code)) return this.#query(statement, parameters);
    if (changesRows.test(code)) {
      return this.#isOwners(statement)
        ? this.#query(statement, parameters)
        : this.#forEachTenant(statement, parameters);
    }
    refuseMixing(statement, code);
    const catalogue = await this.#known();
    const { sql, standIns } = adaptStatement(statement, this.#migration.placement.schema, catalogue);
    for (const { create } of standIns) await this.#query(create.join('; '));
    const result = await this.#query(sql, parameters);
    await this.#protect(standIns.map(({ name, of }) => [name, of] as const));
    for (const { name } of standIns) await this.#query(`drop table ${this.#qualified(name)}`);
    if (standIns.length > 0) this.#catalogue = undefined;
    return result;
  }

  /** A statement that PostgreSQL runs in no transaction; the session is the owner's already. */
  async #runAlone(statement: string): Promise<QueryResult> {
    const { sql, standIns } = adaptStatement(statement, this.#migration.placement.schema, await this.#look());
    const result = await this.#query(standIns.length > 0 ? statement : sql);
    await this.#begin('begin');
    await this.#protect([]);
    await this.#end('commit');
    return result;
  }

  async #protect(
    standIns: readonly (readonly [string, { readonly table: string; readonly notValid: boolean }])[],
  ): Promise<void> {
    const numbers = standIns.length > 0 ? (await this.#look()).relations : [];
    const byNumber = standIns.flatMap(([name, of]) => {
      const found = numbers.find(({ relname }) => relname === name);
      return found ? [[found.oid, of] as const] : [];
    });
    this.#catalogue = await protect(async (sql) => (await this.#query(sql)).rows, this.#migration.placement, {
      ...this.#expected,
      standIns: new Map(byNumber),
    });
  }

  /**
   * Runs a statement for no tenant first: there are no rows then, so that one which changes any is refused, whether there are tenants
   * yet or not.
   */
  async #forEachTenant(statement: string, parameters: readonly unknown[]): Promise<QueryResult> {
    const { changes, owner } = this.#expected.roles;
    refuseNarrowed(await this.#known(), statement);
    await this.#query(`set local role ${quoteName(changes)}; set local ${tenantSetting} to ''`);
    const first = await this.#query(statement, parameters).catch((error: unknown) =>
      Promise.reject(fromNothing(error)),
    );
    const results = [first];
    await this.#query(`set local role ${quoteName(owner)}`);
    for (const key of await this.#tenants()) {
      await this.#query(`set local role ${quoteName(changes)}; set local ${tenantSetting} to ${quoteText(key)}`);
      results.push(await this.#query(statement, parameters));
    }
    await this.#query(`set local role ${quoteName(owner)}; set local ${tenantSetting} to ''`);
    return {
      command: first.command,
      rowCount: results.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0),
      rows: results.flatMap(({ rows }) => rows),
    };
  }

  /** The keys that have rows, each found by an index. */
  async #tenants(): Promise<string[]> {
    const sql = tenantKeys(await this.#known());
    if (sql === undefined) return [];
    const { rows } = await this.#query(sql);
    return rows.map(({ key }) => key as string);
  }

  /** What names the tenant itself, or is about the tables that migrations keep, runs once. */
  #isOwners(statement: string): boolean {
    const named = [tenantColumn, formerTenants, this.#expected.logTable.replaceAll(/\W/g, '.')].join('|');
    return new RegExp(String.raw`\b(?:${named})\b`, 'i').test(maskedCode(statement));
  }

  #qualified(table: string): string {
    return `${quoteName(this.#migration.placement.schema)}.${quoteName(table)}`;
  }

  /** What the tables are, which only this connection's statements change in a transaction. */
  async #known(): Promise<Catalogue> {
    this.#catalogue ??= await this.#look();
    return this.#catalogue;
  }

  async #look(): Promise<Catalogue> {
    const { rows } = await this.#query(catalogueQuery(this.#migration.placement));
    const catalogue = readCatalogue(rows);
    if (catalogue) return catalogue;
    throw new TenancyError('MIGRATE_FAILED', `The schema "${this.#migration.placement.schema}" does not exist.`);
  }

  async #query(sql: string, parameters: readonly unknown[] = []): Promise<QueryResult> {
    return lastOf(await (parameters.length > 0 ? this.#client.query(sql, parameters) : this.#client.query(sql)));
  }
}

const begins = /^(?:begin|start\s+transaction)\b/i;
const ends =
  /^(?:commit|end|rollback|abort|prepare\s+transaction)\b(?!\s+(?:(?:work|transaction)\s+)?(?:prepared|to)\b)/i;
const chains = /\band\s+chain\b/i;

/** Whether a statement reads, and calls nothing that could change a table. */
function isRead(code: string): boolean {
  if (!/^(?:select|values|table)\b(?![\s\S]*\binto\b)/i.test(code)) return false;
  return [...code.matchAll(/(\w+|")\s*\(/g)].every(([, name = '']) => harmless.has(name.toLowerCase()));
}

const harmless: ReadonlySet<string> = new Set(
  'all and any array as avg cast coalesce count current_schema exists filter from greatest in least lower max min not on or over select sum upper values where'.split(
    ' ',
  ),
);

const transactionControl = /^(?:savepoint|release|rollback\s+to|set|reset|show|lock)\b/i;
const changesRows = /^(?:insert|update|delete|merge|with)\b/i;

/**
 * Refuses what would take rows of all tenants together, unless it says which tenant each of them belongs to.
 *
 * @throws MIGRATE_FAILED
 */
function refuseMixing(statement: string, code: string): void {
  const fault =
    /^create\s+(?:(?:global|local)\s+)?(?:temp(?:orary)?\s+|unlogged\s+)?table\b[\s\S]*\bas\s*\(?\s*(?:select|with|table|values|execute)\b/i.test(
      code,
    ) || /^select\b[\s\S]*\binto\b/i.test(code)
      ? 'makes a table from rows'
      : /^(?:do|call)\b/i.test(code) && rowChange.test(statement)
        ? 'changes rows in a block'
        : undefined;
  if (!fault || new RegExp(String.raw`\b${tenantColumn}\b`, 'i').test(statement)) return;
  throw new TenancyError(
    'MIGRATE_FAILED',
    `A migration ${fault}, which would run once for all tenants that share the tables and mix their rows. Create the table ` +
      `first, and change rows by insert, update and delete on their own, which run once for each tenant; or name ${tenantColumn}.`,
  );
}

const rowChange =
  /\b(?:insert\s+into|delete\s+from|merge\s+into|update\s+(?:only\s+)?[\w".$]+(?:\s+(?:as\s+)?\w+)?\s+set)\b/i;

/**
 * Refuses a statement that a restrictive policy of the application would keep from rows, without an error.
 *
 * @throws MIGRATE_FAILED
 */
function refuseNarrowed({ relations }: Catalogue, statement: string): void {
  const narrowed = relations.find(
    ({ relname, policies }) =>
      statement.includes(relname) &&
      policies.some(({ name, permissive, forChanges }) => !permissive && forChanges && name !== 'omnitenant'),
  );
  if (!narrowed) return;
  throw new TenancyError(
    'MIGRATE_FAILED',
    `A migration changes rows of ${narrowed.name}, which has a restrictive policy of the application that could keep it from some. Drop the ` +
      'policy before, and create it again after, in the same migration.',
  );
}

/** The refusal of a statement that would make rows of no tenant. */
function fromNothing(error: unknown): unknown {
  const { code, column, message = '' } = error as { code?: string; column?: string; message?: string };
  const isNobodys =
    (code === sqlState.notNullViolation && column === tenantColumn) ||
    (code === sqlState.insufficientPrivilege && message.includes('row-level security'));
  if (!isNobodys) return error;
  return new TenancyError(
    'MIGRATE_FAILED',
    "A migration inserts rows that are made from no tenant's own, so they would belong to none of those that share the table. Insert them " +
      "in each tenant, with the option seed of createOrm for new ones; a statement that inserts from the tenants' own rows runs once for each.",
    { cause: error },
  );
}
