import type { AbortQueryOptions, Connection } from '@mikro-orm/core';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import type { PinnedPool } from '../session/pinned-pool.ts';
import type { QueryResult } from '../sql/client.ts';
import type { ConnectionConstructor } from './base-orm.ts';

/**
 * A connection that sends a statement to its pool itself. MikroORM sends it through Kysely, of which each tenant would
 * have one to keep at hand; transactions, streams and what can be aborted still go that way.
 */
export function scopedConnectionClass(ConnectionClass: ConnectionConstructor): ScopedConnectionConstructor {
  const { execute } = ConnectionClass.prototype as AbstractSqlConnection;
  class ScopedConnection extends (ConnectionClass as unknown as new (...parameters: unknown[]) => object) {
    declare pool: PinnedPool;

    async execute(...parameters: Parameters<AbstractSqlConnection['execute']>): Promise<unknown> {
      const [query, params = [], method = 'all', transaction, loggerContext] = parameters;
      const { signal, inflightQueryAbortStrategy } = (loggerContext ?? {}) as Partial<AbortQueryOptions>;
      const own = this as unknown as ConnectionInternals;
      if (transaction || signal || inflightQueryAbortStrategy) return execute.apply(this as never, parameters);
      const prepared = own.prepareQuery(query, params);
      const sql = own.getSql(prepared.query, prepared.formatted, loggerContext);
      // A name among the parameters is a part of the statement, and no value.
      const isShape =
        Array.isArray(params) && params.length > 0 && params.every(isValue) && !prepared.query.includes('??');
      const shape = isShape ? prepared.query : undefined;
      const send = async () =>
        own.transformRawResult(resultOf(await this.pool.send(prepared.formatted, shape)), method);
      return own.executeQuery(sql, send, { ...prepared, ...loggerContext });
    }
  }
  return ScopedConnection as unknown as ScopedConnectionConstructor;
}

type ScopedConnectionConstructor = new (
  ...parameters: ConstructorParameters<typeof Connection>
) => AbstractSqlConnection & { pool: PinnedPool };

/** What MikroORM's connection keeps to itself. */
interface ConnectionInternals {
  prepareQuery(query: unknown, params: unknown): { readonly query: string; readonly formatted: string };
  getSql(query: string, formatted: string, context: unknown): string;
  transformRawResult(result: object, method: string): unknown;
  executeQuery(sql: string, send: () => Promise<unknown>, context: object): Promise<unknown>;
}

/** A parameter that is written as a value in any case; an object may be a piece of SQL. */
function isValue(parameter: unknown): boolean {
  return typeof parameter !== 'object' || parameter === null || parameter instanceof Date;
}

/** What Kysely would have made of a result. */
function resultOf(result: QueryResult | QueryResult[]): { rows: object[]; numAffectedRows?: bigint } {
  if (Array.isArray(result)) return { rows: [] };
  const { command, rowCount, rows } = result;
  return writes.has(command) ? { rows: rows ?? [], numAffectedRows: BigInt(rowCount ?? 0) } : { rows: rows ?? [] };
}

const writes: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);
