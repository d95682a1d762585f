import { TenancyError } from '@omnitenant/core';
import type { StatementResult } from '@omnitenant/orm/extend';
import { fileHandles } from './file-handles.ts';
import { type FileStream, fileStream } from './file-stream.ts';
import { type FileTransaction, fileTransaction } from './file-transaction.ts';
import { createLine } from './line.ts';
import { isRead, type NativeDatabase, type NativeStatement, resultOf, rowsOf } from './native.ts';
import { prepareInOwnFile, type StatementRules } from './own-file-only.ts';
import { type Patience, stillBusy, whenFree } from './when-free.ts';

/** One tenant's file. Statements that read run at once; one writer at a time has it, and the next ones wait in line. */
export interface TenantFile {
  /** Runs a statement that is a transaction of its own. */
  execute(sql: string, parameters?: readonly unknown[]): Promise<StatementResult>;
  /** Begins a transaction. */
  begin(options?: BeginOptions): Promise<FileTransaction>;
  /** The rows of a query, one by one, on a handle of its own. */
  stream(sql: string, parameters?: readonly unknown[]): FileStream;
  /** Whether a transaction or a stream is open, or somebody waits. */
  isInUse(): boolean;
  /** Closes its handles. What is open is rolled back. */
  close(): void;
}

/** How a transaction begins. */
interface BeginOptions {
  /** It writes nothing, and waits for no writer. Default: false. */
  readonly readOnly?: boolean | undefined;
  /** Whether each statement is checked for broken references. Default: true. */
  readonly foreignKeys?: boolean | undefined;
}

export interface TenantFileOptions extends Patience, StatementRules {
  /** Opens a further handle of the file. */
  readonly open: () => NativeDatabase;
}

export function tenantFile({ open, unknown, ...patience }: TenantFileOptions): TenantFile {
  const rules = { tenant: patience.tenant, unknown };
  const line = createLine();
  /** What is open, and how to end it. */
  const opened = new Set<() => void>();
  const handles = fileHandles(open);
  let users = 0;

  async function using<R>(work: () => Promise<R>): Promise<R> {
    users += 1;
    try {
      return await work();
    } finally {
      users -= 1;
    }
  }

  async function enterLine(): Promise<void> {
    const turn = line.enter(patience.busyTimeoutMs);
    if (turn !== undefined && !(await turn)) throw stillBusy(patience);
  }

  async function beginOn(database: NativeDatabase, options: BeginOptions): Promise<FileTransaction> {
    const { readOnly = false, foreignKeys = true } = options;
    function release(): void {
      opened.delete(transaction.rollback);
      database.exec('pragma query_only = off; pragma foreign_keys = on');
      handles.giveBack(database);
      if (!readOnly) line.leave();
    }
    if (!foreignKeys) database.exec('pragma foreign_keys = off');
    if (readOnly) database.exec('pragma query_only = on');
    await whenFree(() => (readOnly ? beginReading(database) : database.exec('begin immediate')), patience);
    const transaction = fileTransaction(database, rules, release);
    opened.add(transaction.rollback);
    return transaction;
  }

  async function begin(options: BeginOptions): Promise<FileTransaction> {
    if (!options.readOnly) await enterLine();
    let database: NativeDatabase | undefined;
    try {
      database = await whenFree(handles.borrow, patience);
      return await beginOn(database, options);
    } catch (error) {
      database?.close();
      if (!options.readOnly) line.leave();
      throw error;
    }
  }

  return {
    async execute(sql, parameters = []) {
      return using(async () => {
        // To open a file and to compile a statement is to read its schema.
        const database = await whenFree(handles.main, patience);
        const statement = await whenFree(() => prepareInOwnFile(database, sql, parameters, rules), patience);
        const run = () => whenFree(() => runAlone(database, statement, parameters, patience.tenant), patience);
        if (isRead(statement, sql)) return run();
        await enterLine();
        return run().finally(line.leave);
      });
    },

    begin: (options = {}) => using(() => begin(options)),

    stream(sql, parameters = []) {
      const database = handles.borrow();
      try {
        const statement = prepareInOwnFile(database, sql, parameters, rules);
        const stream = fileStream(rowsOf(statement, sql, parameters), () => {
          opened.delete(stream.close);
          handles.giveBack(database);
        });
        opened.add(stream.close);
        return stream;
      } catch (error) {
        handles.giveBack(database);
        throw error;
      }
    },

    isInUse: () => users > 0 || opened.size > 0 || line.isTaken(),

    close() {
      for (const end of opened) end();
      handles.close();
    },
  };
}

/** Begins with the snapshot that it reads, which may have to be waited for. */
function beginReading(database: NativeDatabase): void {
  database.exec('begin');
  try {
    database.prepare('select count(*) from sqlite_schema').all();
  } catch (error) {
    database.exec('rollback');
    throw error;
  }
}

function runAlone(
  database: NativeDatabase,
  statement: NativeStatement,
  parameters: readonly unknown[],
  tenant: string,
): StatementResult {
  const result = resultOf(statement, parameters);
  if (!database.inTransaction) return result;
  database.exec('rollback');
  const message =
    `A statement in the scope of tenant "${tenant}" began a transaction by itself, which was rolled back: other scopes of the tenant ` +
    'would have joined it. Use em.transactional().';
  throw new TenancyError('STATEMENT_REFUSED', message, { tenant });
}
