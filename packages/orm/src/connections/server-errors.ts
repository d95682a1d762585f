import { currentScope, type Scope, TenancyError } from '@omnitenant/core';
import type { Database } from '../sql/client.ts';

/** What a server that cannot be used, or that has gone in the midst of it, is told as: SERVER_UNAVAILABLE. */
export function unavailable(place: Database, error: unknown, scope: Scope | undefined = currentScope()): TenancyError {
  if (error instanceof TenancyError) return error;
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const tenant = tenantAt(place, scope);
  const reason = reasons[code] ?? [...sayings].find(([saying]) => message.startsWith(saying))?.[1] ?? message;
  return new TenancyError('SERVER_UNAVAILABLE', `${nameOf(place, tenant)} cannot be used: ${reason}.`, {
    cause: error,
    headers: { 'Retry-After': '1' },
    ...(tenant !== undefined && { tenant }),
  });
}

/** What a server that has no connection free is told as: CONNECTIONS_EXHAUSTED. `why` says what is in use, and what was tried. */
export function exhausted(place: Database, why: string, scope: Scope | undefined = currentScope()): TenancyError {
  const tenant = tenantAt(place, scope);
  return new TenancyError(
    'CONNECTIONS_EXHAUSTED',
    `${nameOf(place, tenant)} has no connection free: ${why}. ` +
      'Try again, and see whether a scope waits for a connection while it holds one; the limits are in `connections` of createOrm.',
    { headers: { 'Retry-After': '1' }, ...(tenant !== undefined && { tenant }) },
  );
}

function tenantAt({ tenant }: Database, scope: Scope | undefined): string | undefined {
  return tenant ?? (scope?.kind === 'tenant' ? scope.tenant.id : undefined);
}

function nameOf({ server, database, url }: Database, tenant: string | undefined): string {
  if (url !== undefined) return `The database '${database}' of the tenant '${tenant}', on a server of its own,`;
  return `The database '${database}' of the server '${server}'${tenant === undefined ? '' : `, where the tenant '${tenant}' is,`}`;
}

/** Whether a statement failed because its connection is gone. PostgreSQL calls fatal what it ends a connection with. */
export function isConnectionLost(error: unknown): boolean {
  const { code = '', message = '', severity } = error as { code?: string; message?: string; severity?: string };
  return severity === 'FATAL' || lost.has(code) || [...sayings.keys()].some((saying) => message.startsWith(saying));
}

const lost: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_DESTROYED']);

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing answers at its address (ECONNREFUSED)',
  ENOTFOUND: 'its host name is not known (ENOTFOUND)',
  ETIMEDOUT: 'it did not answer in time (ETIMEDOUT)',
  ECONNRESET: 'the connection was cut (ECONNRESET); what was not committed is undone',
  '25P03': 'it ended a transaction that was idle for too long (25P03)',
  '28P01': 'it refuses the user or password (28P01)',
  '28000': 'it refuses the user (28000)',
  '3D000': 'there is no such database (3D000)',
  '53300': 'it has no connection left to give (53300)',
  '57P01': 'it ended the connection (57P01); what was not committed is undone',
  '57P03': 'it is starting up or shutting down (57P03)',
};

/** What `pg` says without a code. */
const sayings: ReadonlyMap<string, string> = new Map([
  ['timeout expired', 'it did not answer in time'],
  ['Connection terminated', 'the connection was cut; what was not committed is undone'],
  ['Client has encountered a connection error', 'the connection was cut; what was not committed is undone'],
]);
