import type { AbortQueryOptions, Connection } from '@mikro-orm/core';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import { refuseSchema } from '../entities/refuse-schema.ts';
import type { PinnedPool } from '../session/pinned-pool.ts';
import { plainReadOf } from '../session/plain-reads.ts';
import type { QueryResult } from '../sql/client.ts';
import { withoutTenantComment } from '../sql/tenant-comment.ts';
import type { ConnectionConstructor } from './base-orm.ts';
import { isGeneratedRead } from './generated-reads.ts';

/**
 * A connection that sends a statement to its pool itself. MikroORM sends it through Kysely, of which each tenant would
 * have one to keep at hand; transactions, streams and what can be aborted still go that way.
 */
export function scopedConnectionClass(ConnectionClass: ConnectionConstructor): ScopedConnectionConstructor {
  const { execute, callRoutine } = ConnectionClass.prototype as AbstractSqlConnection;
  class ScopedConnection extends (ConnectionClass as unknown as new (...parameters: unknown[]) => object) {
    declare pool: PinnedPool;
    /** The schema that a routine may declare in this scope. */
    declare namedSchema: string | undefined;

    async execute(...parameters: Parameters<AbstractSqlConnection['execute']>): Promise<unknown> {
      const [query, given = [], method = 'all', transaction, loggerContext] = parameters;
      const { signal, inflightQueryAbortStrategy } = (loggerContext ?? {}) as Partial<AbortQueryOptions>;
      const own = this as unknown as ConnectionInternals;
      if (transaction || signal || inflightQueryAbortStrategy) return execute.apply(this as never, parameters);
      const prepared = own.prepareQuery(query, given);
      const params = Array.isArray(prepared.params) ? prepared.params : [];
      const sql = own.getSql(prepared.query, prepared.formatted, loggerContext);
      const form =
        isGeneratedRead(loggerContext) && params.every(isValue)
          ? plainReadOf(withoutTenantComment(prepared.query))
          : undefined;
      const literals = () => params.map((value) => String(own.platform.quoteValue(value)));
      const statement = form ? { sql: prepared.formatted, form, literals } : prepared.formatted;
      const send = async () => own.transformRawResult(resultOf(await this.pool.send(statement)), method);
      return own.executeQuery(sql, send, { ...prepared, ...loggerContext });
    }

    /** MikroORM qualifies a function with the default schema; the pin says where an unqualified name leads. */
    callRoutine(...[routine, args, ctx]: Parameters<AbstractSqlConnection['callRoutine']>): Promise<unknown> {
      refuseSchema(routine.schema, this);
      return callRoutine.call(this as never, Object.create(routine, { schema: { value: '' } }), args, ctx);
    }

    /** It holds nothing of its own, and serves all of its tenant's scopes. */
    async close(): Promise<void> {}
  }
  return ScopedConnection as unknown as ScopedConnectionConstructor;
}

type ScopedConnectionConstructor = new (
  ...parameters: ConstructorParameters<typeof Connection>
) => AbstractSqlConnection & { pool: PinnedPool; namedSchema: string | undefined };

/** What MikroORM's connection keeps to itself. */
interface ConnectionInternals {
  readonly platform: { quoteValue(value: unknown): unknown };
  prepareQuery(
    query: unknown,
    params: unknown,
  ): { readonly query: string; readonly params: unknown; readonly formatted: string };
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
