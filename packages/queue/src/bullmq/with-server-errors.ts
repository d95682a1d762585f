import { TenancyError } from '@omnitenant/core';
import { parseIncarnation, socketErrors } from '@omnitenant/core/extend';
import type { Owner } from '../jobs/owner.ts';

/**
 * Runs `work` on the queue's server.
 * @throws SERVER_UNAVAILABLE if the server does not answer, or refuses to take more.
 */
export async function withServerErrors<R>(queue: string, owner: Owner | undefined, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (cause) {
    if (!isServerFailure(cause)) throw cause;
    const tenant = owner && parseIncarnation(owner)?.id;
    const whose = tenant === undefined ? '' : ` of the tenant "${tenant}"`;
    const message = `The server of the queue "${queue}" did not complete a command${whose}; try again, with a jobId so that no job is added twice.`;
    throw new TenancyError('SERVER_UNAVAILABLE', message, { cause, ...(tenant === undefined ? {} : { tenant }) });
  }
}

/** PostgreSQL's: connection exceptions, insufficient resources, and an administrator's shutdown. */
const sqlStates = /^(?:08...|53...|57P0.)$/;
const replies = /\b(?:OOM|LOADING|READONLY|MISCONF|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|BUSY)\b|^ERR max number/;
const messages =
  /^Connection is closed|^Command timed out|isn't writeable|max retries per request|^connect |Connection terminated/;

function isServerFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, message } = error as Error & { code?: unknown };
  return (
    String(code) in socketErrors || sqlStates.test(String(code)) || replies.test(message) || messages.test(message)
  );
}
