import { TenancyError } from '@omnitenant/core';
import type { StatementResult } from '@omnitenant/orm/extend';
import { closedInUse, fileHandles } from './file-handles.ts';
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
  /** Closes its handles. What is open is rolled back, and whoever waits or reads is refused with TENANT_OUTDATED. */
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
  const handles = fileHandles(open, patience.tenant);
  let users = 0;

  function free<R>(work: () => R): Promise<R> {
    return whenFree(() => {
      handles.requireOpen();
      return work();
    }, patience);
  }

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
    if (!foreignKeys) database.exec('pragma foreign_keys = off');
    if (readOnly) database.exec('pragma query_only = on');
    return free(() => {
      if (readOnly) beginReading(database);
      else database.exec('begin immediate');
      const transaction = fileTransaction(database, rules, () => {
        opened.delete(transaction.rollback);
        try {
          database.exec('pragma query_only = off; pragma foreign_keys = on');
          handles.giveBack(database);
        } finally {
          if (!readOnly) line.leave();
        }
      });
      opened.add(transaction.rollback);
      return transaction;
    });
  }

  async function begin(options: BeginOptions): Promise<FileTransaction> {
    if (!options.readOnly) await enterLine();
    let database: NativeDatabase | undefined;
    try {
      database = await free(handles.borrow);
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
        const database = await free(handles.main);
        const statement = await free(() => prepareInOwnFile(database, sql, parameters, rules));
        const run = () => free(() => runAlone(database, statement, parameters, patience.tenant));
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
        const stream = fileStream(rowsOf(statement, sql, parameters), {
          release() {
            opened.delete(stream.close);
            handles.giveBack(database);
          },
          cut: () => closedInUse(patience.tenant),
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
