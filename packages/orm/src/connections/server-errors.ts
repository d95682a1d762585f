import { TenancyError } from '@omnitenant/core';
import { currentScope, type Scope } from '@omnitenant/core/extend';
import type { Database } from '../sql/client.ts';
import { publish } from '../sql/diagnostics.ts';
import { codeOf, socketError, sqlState } from '../sql/error-codes.ts';

/** Maps a connection failure to SERVER_UNAVAILABLE. */
export function unavailable(
  database: Database,
  error: unknown,
  scope: Scope | undefined = currentScope(),
): TenancyError {
  if (error instanceof TenancyError) return error;
  const { message = String(error) } = error as { message?: string };
  const reason = reasons[codeOf(error)] ?? reasonWithoutCode(message) ?? message;
  return serverError('SERVER_UNAVAILABLE', database, scope, `cannot be used: ${reason}.`, error);
}

/** The error CONNECTIONS_EXHAUSTED. `why` says which connections are in use, and how long the request has waited. */
export function exhausted(database: Database, why: string, scope: Scope | undefined = currentScope()): TenancyError {
  const advice =
    'Try again. If it persists, look for a scope that waits for a second connection while it holds one, ' +
    'or raise the limits in `connections` of createOrm.';
  return serverError('CONNECTIONS_EXHAUSTED', database, scope, `has no free connection: ${why}. ${advice}`);
}

/** The error SHARE_EXHAUSTED, for a tenant that uses its share of the server's connections. */
export function shareExhausted(database: Database, tenant: string, used: number, why: string): TenancyError {
  const { server, url } = database;
  const of = url === undefined ? `the server "${server}"` : 'its server';
  const error = new TenancyError(
    'SHARE_EXHAUSTED',
    `The tenant "${tenant}" uses its share of ${of}, ${used} connections, and ${why}. Other tenants are served. ` +
      'Try again. If it persists, look for slow statements and open transactions of this tenant, or raise its share: ' +
      '`connections` or `limits` of createOrm.',
    { tenant },
  );
  return published(error, database);
}

/** Tells whoever listens of an error before it is thrown. */
function published(error: TenancyError, { server, database }: Database): TenancyError {
  const { code, tenant, message } = error;
  publish('omnitenant:orm:refused', () => ({ code, server, database, tenant, message }));
  return error;
}

function serverError(
  code: 'SERVER_UNAVAILABLE' | 'CONNECTIONS_EXHAUSTED',
  database: Database,
  scope: Scope | undefined,
  what: string,
  cause?: unknown,
): TenancyError {
  const tenant = database.tenant ?? (scope?.kind === 'tenant' ? scope.tenant.id : undefined);
  return published(new TenancyError(code, `${describe(database, tenant)} ${what}`, { tenant, cause }), database);
}

function describe({ server, database, url }: Database, tenant: string | undefined): string {
  if (url !== undefined) return `The database "${database}" of the tenant "${tenant}", on a server of its own,`;
  const of = `The database "${database}" of the server "${server}"`;
  return tenant === undefined ? of : `${of}, which holds the tenant "${tenant}",`;
}

/** Whether a statement failed because its connection is gone. PostgreSQL ends a connection with an error of severity FATAL. */
export function isConnectionLost(error: unknown): boolean {
  const { message = '', severity } = error as { message?: string; severity?: string };
  return severity === 'FATAL' || lost.has(codeOf(error)) || reasonWithoutCode(message) !== undefined;
}

const lost: ReadonlySet<string> = new Set([
  socketError.reset,
  socketError.brokenPipe,
  socketError.timedOut,
  socketError.destroyed,
]);

const cut = 'what was not committed is rolled back';

const reasons: Readonly<Record<string, string>> = {
  [socketError.refused]: `nothing answers at its address (${socketError.refused})`,
  [socketError.hostNotFound]: `its host name is unknown (${socketError.hostNotFound})`,
  [socketError.timedOut]: `it did not answer in time (${socketError.timedOut})`,
  [socketError.reset]: `the connection was cut (${socketError.reset}); ${cut}`,
  [sqlState.idleInTransactionTimeout]: `it ended a transaction that was idle for too long (${sqlState.idleInTransactionTimeout})`,
  [sqlState.invalidPassword]: `it refuses the user or password (${sqlState.invalidPassword})`,
  [sqlState.invalidAuthorization]: `it refuses the user (${sqlState.invalidAuthorization})`,
  [sqlState.undefinedDatabase]: `there is no such database (${sqlState.undefinedDatabase})`,
  [sqlState.tooManyConnections]: `it accepts no more connections (${sqlState.tooManyConnections})`,
  [sqlState.adminShutdown]: `it ended the connection (${sqlState.adminShutdown}); ${cut}`,
  [sqlState.cannotConnectNow]: `it is starting up or shutting down (${sqlState.cannotConnectNow})`,
};

/** Messages of `pg` that have no code. */
const messages: ReadonlyMap<string, string> = new Map([
  ['timeout expired', 'it did not answer in time'],
  ['Connection terminated', `the connection was cut; ${cut}`],
  ['Client has encountered a connection error', `the connection was cut; ${cut}`],
  ['Client was closed', `its connections have been closed; ${cut}`],
]);

function reasonWithoutCode(message: string): string | undefined {
  for (const [start, reason] of messages) if (message.startsWith(start)) return reason;
  return undefined;
}
