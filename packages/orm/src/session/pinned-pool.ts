import { TenancyError } from '@omnitenant/core';
import { currentScope, tagError } from '@omnitenant/core/extend';
import type { Command, QueryResult, SqlClient, SqlPool } from '../sql/client.ts';
import { sqlState } from '../sql/error-codes.ts';
import { envelopesOf } from './envelopes.ts';
import { PinnedClient, type StatementRules } from './pinned-client.ts';
import { ReadSender, type SentRead } from './read-sender.ts';

/** What a pinned pool does with statements beyond sending them. */
export interface PinnedPoolOptions {
  /** Where nothing may be written: makes the error for what tries to, from PostgreSQL's. */
  readonly readOnly?: ((cause: unknown) => Error) | undefined;
  /** The error to throw instead of one that the tenant's removal has caused. */
  readonly removed?: ((error: unknown) => Promise<TenancyError | undefined>) | undefined;
  /** May refuse a statement before it is sent. */
  readonly check?: ((sql: string) => void) | undefined;
  /** The schema whose plain reads may share connections, where any may. */
  readonly sharedReadsOf?: string | undefined;
  /** Whether those are prepared on their connections. */
  readonly preparesReads?: boolean | undefined;
  /** The tenant's own limit on statements, in milliseconds. */
  readonly statementMs?: number | undefined;
  /** Checks out a connection that is in no tenant, and takes none of its share. Default: one of the pool. */
  readonly connectUnpinned?: (() => Promise<SqlClient>) | undefined;
}

/** A pool whose every statement carries a pin. */
export interface PinnedPool extends SqlPool {
  /** Sends a statement by itself, or a plain read that the driver has made. */
  send(statement: string | SentRead): Promise<QueryResult | QueryResult[]>;
  /** Checks out a connection that is in no tenant, to cancel what runs on another. */
  connectUnpinned?(): Promise<SqlClient>;
}

/** Derives a pool whose every statement carries a pin. The pool behind it is shared, and keeps nothing of the tenant. */
export function pinnedPool(
  shared: SqlPool,
  pin: readonly Command[],
  {
    check,
    readOnly,
    removed,
    sharedReadsOf: schema,
    preparesReads: prepares = false,
    statementMs,
    connectUnpinned = () => shared.connect(),
  }: PinnedPoolOptions = {},
): PinnedPool {
  const envelopes = envelopesOf(pin);
  const reads =
    schema === undefined ? undefined : new ReadSender(shared, { pin, envelopes, schema, prepares, statementMs });
  const rules: StatementRules = {
    check: (sql) => check?.(sql),
    sawResult: (result, isChanging) => reads?.sawResult(result, isChanging) ?? false,
    translateError: async (error) => ofScope((await removed?.(error)) ?? translateError(error, readOnly)),
  };

  async function connect(): Promise<PinnedClient> {
    const scope = currentScope();
    const client = await shared.connect().catch(async (error) => {
      throw await rules.translateError(error);
    });
    return new PinnedClient(client, envelopes, rules, scope);
  }

  async function sendAny(sql: string): Promise<QueryResult | QueryResult[]> {
    const client = await connect();
    try {
      return await client.query(sql);
    } finally {
      client.release();
    }
  }

  return {
    options: shared.options,
    connect,
    connectUnpinned,
    async send(statement) {
      if (typeof statement === 'string') return sendAny(statement);
      if (!reads?.allowed) return sendAny(statement.sql);
      try {
        return await reads.send(statement);
      } catch (error) {
        throw await rules.translateError(error);
      }
    },
    end: async () => {},
  };
}

/** What PostgreSQL refuses says in whose scope. */
function ofScope(error: unknown): unknown {
  const scope = currentScope();
  if (scope?.kind === 'tenant') tagError(error, scope.tenant.id);
  return error;
}

function translateError(error: unknown, readOnly: PinnedPoolOptions['readOnly']): unknown {
  const { code, routine } = error as { code?: string; routine?: string };
  if (code === sqlState.activeTransaction) return unpinnable(error);
  if (code === sqlState.syntaxError && routine === 'exec_parse_message') return severalStatements(error);
  return code === sqlState.readOnlyTransaction && readOnly ? readOnly(error) : error;
}

/** PostgreSQL takes one statement from a message, whatever the text looks like. */
function severalStatements(cause: unknown): TenancyError {
  return new TenancyError(
    'STATEMENT_REFUSED',
    'The SQL contains several statements that could not be separated, so PostgreSQL refused it. Send them one at a time.',
    { cause },
  );
}

/** For `vacuum`, `create index concurrently` and the like. */
function unpinnable(cause: unknown): TenancyError {
  return new TenancyError(
    'STATEMENT_REFUSED',
    "PostgreSQL runs this statement only outside a transaction, and a tenant's statements always run inside one that names the tenant. " +
      'Run it on your own connection, and qualify its names with the schema of tenancy.current().placement.',
    { cause },
  );
}
