import { TenancyError } from '@omnitenant/core';
import { currentScope, type Scope } from '@omnitenant/core/extend';
import { checkIn, checkOut, type OpenWork, scopeEnded } from '@omnitenant/orm/extend';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type { FileTransaction } from '../handles/file-transaction.ts';
import type { TenantFile } from '../handles/tenant-file.ts';
import { counted } from './counted.ts';

/** What Kysely calls a connection: single statements, one transaction, or the rows of a stream. */
export class FileSession implements DatabaseConnection, OpenWork {
  readonly #file: () => TenantFile;
  readonly #scope: Scope | undefined = currentScope();
  #transaction: FileTransaction | undefined;
  #streams = new Set<{ close(): void }>();
  #ended: (() => Error) | undefined;

  constructor(file: () => TenantFile) {
    this.#file = file;
    checkOut(this.#scope, this);
  }

  get isBusy(): boolean {
    return this.#transaction !== undefined || this.#streams.size > 0;
  }

  /** Rolls back what the scope has left open; whoever uses it afterwards gets the error. */
  close(error: () => Error): void {
    this.#ended = error;
    this.release();
  }

  /** There is no server that could end it. */
  doom(): void {}

  release(): void {
    this.#transaction?.rollback();
    this.#transaction = undefined;
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    checkIn(this.#scope, this);
  }

  async begin(readOnly: boolean): Promise<void> {
    this.#requireLiveScope();
    const transaction = await this.#file().begin({ readOnly });
    // The scope may have ended while this waited in line.
    if (this.#scope?.ended) transaction.rollback();
    this.#requireLiveScope();
    this.#transaction = transaction;
  }

  commit(): void {
    this.#openFile();
    this.#transaction?.commit();
    this.#transaction = undefined;
  }

  rollback(): void {
    this.#transaction?.rollback();
    this.#transaction = undefined;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const file = this.#openFile();
    const on = this.#transaction ?? file;
    return (await counted(this.#scope, () => on.execute(sql, parameters))) as QueryResult<R>;
  }

  async *streamQuery<R>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    this.#openFile();
    const rows = this.#transaction?.iterate(sql, parameters) ?? this.#stream(sql, parameters);
    try {
      for (const row of rows) {
        yield { rows: [row as R] };
        this.#openFile();
      }
    } finally {
      rows.return?.();
    }
  }

  #stream(sql: string, parameters: readonly unknown[]): IterableIterator<unknown> {
    this.#requireLiveScope();
    const stream = this.#file().stream(sql, parameters);
    this.#streams.add(stream);
    return stream;
  }

  /** Nobody would end what begins after its scope. */
  #requireLiveScope(): void {
    if (this.#scope?.ended) throw scopeEnded(this.#scope);
  }

  /** Asked for each time: it refuses in another tenant's scope, and closes a file that another process has removed. */
  #openFile(): TenantFile {
    if (this.#ended) throw this.#ended();
    return this.#file();
  }
}

/** For what would leave the wall around a tenant's file. */
export function refusedHere(what: string, instead: string): TenancyError {
  return new TenancyError('STATEMENT_REFUSED', `${what} is refused on a tenant's file. ${instead}`);
}
