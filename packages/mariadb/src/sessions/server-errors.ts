import { isTenancyError, TenancyError } from '@omnitenant/core';

/** Errors of a connection that is gone, or cannot be made. */
const lost: ReadonlySet<string | number> = new Set([
  ...['PROTOCOL_CONNECTION_LOST', 'PROTOCOL_SEQUENCE_TIMEOUT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'],
  ...['ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EHOSTUNREACH'],
  // Too many connections of the server or of the user, a shutdown, a host that is blocked, a session that was ended.
  ...[1040, 1203, 1226, 1053, 1129, 1130, 1927, 1184],
]);

/** A login that the server refuses: the user, its password, its database, or its account is locked. */
const refused: ReadonlySet<number> = new Set([1044, 1045, 1049, 1698, 4151]);

interface ServerError {
  readonly code?: string;
  readonly errno?: number;
  readonly fatal?: boolean;
  readonly message?: string;
}

/** Whether a connection is gone, or could not be made for now. */
function isUnavailable(error: unknown): boolean {
  const { code = '', errno = 0, message = '' } = error as ServerError;
  return lost.has(code) || lost.has(errno) || /closed state|connection is closed/i.test(message);
}

/** Whether the server does not let a login in. */
export function isLoginRefused(error: unknown): boolean {
  return refused.has((error as ServerError).errno ?? 0);
}

/** Maps a connection failure to SERVER_UNAVAILABLE, and leaves the errors of statements as they are. */
export function withServerErrors(error: unknown, tenant?: string): unknown {
  if (isTenancyError(error) || !isUnavailable(error)) return error;
  const { code = 'unknown', message = '' } = error as ServerError;
  const whose = tenant === undefined ? '' : `, which holds tenant "${tenant}",`;
  return new TenancyError(
    'SERVER_UNAVAILABLE',
    `The MariaDB server${whose} cannot be used (${code}): ${message.replace(/\.$/, '')}. What was not committed is rolled back.`,
    { tenant, cause: error },
  );
}
