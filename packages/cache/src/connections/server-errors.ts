import { TenancyError } from '@omnitenant/core';
import { socketErrors } from '@omnitenant/core/extend';

/** The reason after `end`. */
export const closed = 'its connections have been closed';

/** Redis did not answer in time. */
export class Late extends Error {
  constructor(timeoutMs: number) {
    super(`it did not answer within ${timeoutMs} ms`);
  }
}

/** All connections to tenants' own Redis servers are in use. */
export class Exhausted extends Error {
  constructor(max: number) {
    super(`all ${max} connections to tenants' own Redis servers are in use; try again, or raise connections.max`);
  }
}

/**
 * Maps a failure of Redis to SERVER_UNAVAILABLE, or to CONNECTIONS_EXHAUSTED. The client's error is not kept: it may hold the
 * command, and so a password, a key or a value.
 */
export function unavailable(tenant: string | undefined, error: unknown): TenancyError {
  const cache = tenant === undefined ? 'The cache of central' : `The cache of the tenant "${tenant}"`;
  const reason = reasonOf(error);
  const code = error instanceof Exhausted ? 'CONNECTIONS_EXHAUSTED' : 'SERVER_UNAVAILABLE';
  return new TenancyError(code, `${cache} is not available: ${reason}.`, {
    cause: new Error(reason),
    tenant,
  });
}

/** Why Redis cannot be used. The client's message is not repeated, as it may hold a value. */
export function reasonOf(error: unknown): string {
  const { name = '', message = '', code = '', lastNodeError } = error as Failure;
  if (lastNodeError !== undefined && lastNodeError !== null) return reasonOf(lastNodeError);
  if (name === 'ReplyError') {
    const [word = ''] = message.split(' ', 1);
    return `its Redis ${replies[word] ?? 'refuses the command'} (${/^[A-Z]+$/.test(word) ? word : 'ERR'})`;
  }
  if (code !== '') return `its Redis ${socketErrors[code] ?? 'cannot be reached'} (${code})`;
  if (/^(?:Connection is closed|Reached the max retries|Stream isn't writeable|Command aborted)/.test(message)) {
    return 'the connection to its Redis was lost, or cannot be opened';
  }
  if (/^Socket timeout|^Command timed out/.test(message)) return 'its Redis does not answer';
  if (error instanceof Late || error instanceof Exhausted || message === closed) return message;
  return 'its Redis cannot be used';
}

interface Failure {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly lastNodeError?: unknown;
}

const replies: Readonly<Record<string, string>> = {
  OOM: 'has no memory left',
  LOADING: 'is starting up',
  READONLY: 'is read-only',
  MASTERDOWN: 'has lost its primary',
  CLUSTERDOWN: 'is a cluster that is down',
  MISCONF: 'refuses writes',
  NOAUTH: 'requires a password',
  WRONGPASS: 'refuses the user or password',
  NOPERM: 'does not permit the command',
  WRONGTYPE: 'has a value of another kind under the key; give the cache its own prefix',
  BUSY: 'is busy with a script',
};
