import type { AbortQueryOptions, Connection } from '@mikro-orm/core';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import { TenancyError } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import { counted } from '../session/counted.ts';
import type { ScopedDatabase } from '../session/database-session.ts';

/** The class of a driver's connections. */
export type ConnectionClass = new (...parameters: ConstructorParameters<typeof Connection>) => AbstractSqlConnection;

/** A connection to one tenant's database. */
type DatabaseConnection = AbstractSqlConnection & { database: () => ScopedDatabase };

/** The class of connections to tenants' databases. */
export type DatabaseConnectionClass = new (
  ...parameters: ConstructorParameters<typeof Connection>
) => DatabaseConnection;

/** Members of MikroORM's connection that go past the tenant's database, and what to do instead of each. */
export type RefusedMembers = Readonly<
  Partial<Record<'getNativeClient' | 'executeDump' | 'callRoutine' | 'loadFile', string>>
>;

/**
 * A connection that sends a statement to its tenant's database itself. MikroORM sends it through Kysely, of which each tenant would have
 * one to keep; transactions, streams and what can be aborted still go that way.
 */
export function databaseConnectionClass(Base: ConnectionClass, refused: RefusedMembers): DatabaseConnectionClass {
  const { execute } = Base.prototype as AbstractSqlConnection;

  class ConnectionOfDatabase extends (Base as unknown as new (...parameters: unknown[]) => object) {
    declare database: () => ScopedDatabase;
    declare connected: boolean;

    async execute(...parameters: Parameters<AbstractSqlConnection['execute']>): Promise<unknown> {
      const [query, given = [], method = 'all', transaction, loggerContext] = parameters;
      const { signal, inflightQueryAbortStrategy } = (loggerContext ?? {}) as Partial<AbortQueryOptions>;
      const own = this as unknown as ConnectionInternals;
      if (transaction || signal || inflightQueryAbortStrategy) return execute.apply(this as never, parameters);
      const prepared = own.prepareQuery(query, given);
      const sql = own.getSql(prepared.query, prepared.formatted, loggerContext);
      const result = () => counted(currentScope(), () => this.database().execute(prepared.formatted));
      const send = async () => own.transformRawResult(await result(), method);
      return own.executeQuery(sql, send, { ...prepared, ...loggerContext });
    }

    /** The database is set up by whoever opens it, and not by what MikroORM would send here. */
    async connect(): Promise<void> {
      await (this as unknown as AbstractSqlConnection).initClient();
      this.connected = true;
    }

    /** It holds nothing of its own, and serves all of its tenant's scopes. */
    async close(): Promise<void> {}
  }
  for (const [member, instead] of Object.entries(refused)) {
    Object.defineProperty(ConnectionOfDatabase.prototype, member, { value: () => refuse(member, instead) });
  }
  return ConnectionOfDatabase as never;
}

/** For what would leave the wall around a tenant's database. */
function refuse(member: string, instead: string): never {
  throw new TenancyError('STATEMENT_REFUSED', `${member}() is refused on a tenant's database. ${instead}`);
}

/** What MikroORM's connection keeps to itself. */
interface ConnectionInternals {
  prepareQuery(query: unknown, parameters: unknown): { readonly query: string; readonly formatted: string };
  getSql(query: string, formatted: string, context: unknown): string;
  transformRawResult(result: object, method: string): unknown;
  executeQuery(sql: string, send: () => Promise<unknown>, context: object): Promise<unknown>;
}
