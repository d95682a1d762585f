import { TenancyError } from '@omnitenant/core';
import type { Space } from '../stores/cache-store.ts';

/** What is said after the end. */
export const closed = 'its connections have been closed';

/** Nothing came back in time. */
export class Late extends Error {
  constructor(ms: number) {
    super(`it did not answer within ${ms} ms`);
  }
}

/** All connections to Redis servers of tenants' own are in use. */
export class Exhausted extends Error {
  constructor(max: number) {
    super(`all ${max} connections to Redis servers of tenants' own are in use; try again, or raise connections.max`);
  }
}

/**
 * What a Redis that cannot be used is told as: SERVER_UNAVAILABLE, or CONNECTIONS_EXHAUSTED. The client's error is not kept:
 * it may hold the command, and with it a password, a key or a value.
 */
export function unavailable({ tenant }: Space, error: unknown): TenancyError {
  const whose = tenant === undefined ? 'central' : `the tenant "${tenant}"`;
  const reason = reasonOf(error);
  const code = error instanceof Exhausted ? 'CONNECTIONS_EXHAUSTED' : 'SERVER_UNAVAILABLE';
  return new TenancyError(code, `The cache of ${whose} cannot be used: ${reason}.`, {
    headers: { 'Retry-After': '1' },
    cause: new Error(reason),
    ...(tenant === undefined ? {} : { tenant }),
  });
}

function reasonOf(error: unknown): string {
  const { name = '', message = '', code = '', lastNodeError } = error as Failure;
  if (lastNodeError !== undefined && lastNodeError !== null) return reasonOf(lastNodeError);
  if (name === 'ReplyError') {
    const [word = ''] = message.split(' ', 1);
    return `its Redis ${replies[word] ?? 'refuses the command'} (${/^[A-Z]+$/.test(word) ? word : 'ERR'})`;
  }
  if (code !== '') return `its Redis ${sockets[code] ?? 'cannot be reached'} (${code})`;
  if (/^(?:Connection is closed|Reached the max retries|Stream isn't writeable|Command aborted)/.test(message)) {
    return 'the connection to its Redis was cut, or cannot be made';
  }
  if (/^Socket timeout|^Command timed out/.test(message)) return 'its Redis does not answer';
  return error instanceof Late || error instanceof Exhausted || message === closed
    ? message
    : 'its Redis cannot be used';
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
  READONLY: 'takes no writes',
  MASTERDOWN: 'has lost its primary',
  CLUSTERDOWN: 'is a cluster that is down',
  MISCONF: 'takes no writes',
  NOAUTH: 'wants a password',
  WRONGPASS: 'refuses the user or password',
  NOPERM: 'does not allow the command',
  WRONGTYPE: 'has something else under the key; give the cache a prefix of its own',
  BUSY: 'is busy with a script',
};

const sockets: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'does not answer at its address',
  ECONNRESET: 'cut the connection',
  ENOTFOUND: 'has a host name that is not known',
  ETIMEDOUT: 'did not answer in time',
};
