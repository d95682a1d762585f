import type { AbortQueryOptions, Connection } from '@mikro-orm/core';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import { currentScope } from '@omnitenant/core/extend';
import type { TenantFile } from '../handles/tenant-file.ts';
import { counted } from './counted.ts';
import { refusedHere } from './file-session.ts';

/** The class of a driver's connections, better-sqlite3's or libsql's. */
export type ConnectionClass = new (...parameters: ConstructorParameters<typeof Connection>) => AbstractSqlConnection;

type FileConnection = AbstractSqlConnection & { file: () => TenantFile };

/**
 * A connection that sends a statement to its tenant's file itself. MikroORM sends it through Kysely, of which each tenant would have
 * one to keep; transactions, streams and what can be aborted still go that way.
 */
export function fileConnectionClass(
  Base: ConnectionClass,
): new (
  ...parameters: ConstructorParameters<typeof Connection>
) => FileConnection {
  const { execute } = Base.prototype as AbstractSqlConnection;

  class ConnectionOfFile extends (Base as unknown as new (...parameters: unknown[]) => object) {
    declare file: () => TenantFile;
    declare connected: boolean;

    async execute(...parameters: Parameters<AbstractSqlConnection['execute']>): Promise<unknown> {
      const [query, given = [], method = 'all', transaction, loggerContext] = parameters;
      const { signal, inflightQueryAbortStrategy } = (loggerContext ?? {}) as Partial<AbortQueryOptions>;
      const own = this as unknown as ConnectionInternals;
      if (transaction || signal || inflightQueryAbortStrategy) return execute.apply(this as never, parameters);
      const prepared = own.prepareQuery(query, given);
      const sql = own.getSql(prepared.query, prepared.formatted, loggerContext);
      const result = () => counted(currentScope(), () => this.file().execute(prepared.formatted));
      const send = async () => own.transformRawResult(await result(), method);
      return own.executeQuery(sql, send, { ...prepared, ...loggerContext });
    }

    /** A handle is opened with the pragmas that MikroORM would send here. */
    async connect(): Promise<void> {
      await (this as unknown as AbstractSqlConnection).initClient();
      this.connected = true;
    }

    /** It holds nothing of its own, and serves all of its tenant's scopes. */
    async close(): Promise<void> {}

    getNativeClient(): never {
      throw refusedHere('getNativeClient()', 'Use em.execute() or em.getKysely().');
    }

    executeDump(): never {
      throw refusedHere('executeDump()', 'Send the statements one by one, or import an archive.');
    }

    callRoutine(): never {
      throw refusedHere('Calling a routine', 'SQLite has none; call the function itself.');
    }
  }
  return ConnectionOfFile as never;
}

/** What MikroORM's connection keeps to itself. */
interface ConnectionInternals {
  prepareQuery(query: unknown, parameters: unknown): { readonly query: string; readonly formatted: string };
  getSql(query: string, formatted: string, context: unknown): string;
  transformRawResult(result: object, method: string): unknown;
  executeQuery(sql: string, send: () => Promise<unknown>, context: object): Promise<unknown>;
}
