import { TenancyError } from '@omnitenant/core';
import { parseIncarnation, socketErrors } from '@omnitenant/core/extend';
import type { Owner } from '../jobs/owner.ts';
import { publish } from '../jobs/queue-diagnostics.ts';
import { replies } from '../jobs/replies.ts';

/**
 * Runs `work` on the queue's server.
 * @throws SERVER_UNAVAILABLE if the server does not answer, or refuses to take more; BACKLOG_FULL; TENANT_UNKNOWN if the tenant was
 * removed.
 */
export async function withServerErrors<R>(queue: string, owner: Owner | undefined, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (cause) {
    const tenant = owner && parseIncarnation(owner)?.id;
    if (isReply(cause, replies.backlogFull)) throw backlogFull(queue, tenant);
    if (isReply(cause, replies.removed)) {
      throw new TenancyError('TENANT_UNKNOWN', `The tenant "${tenant}" was removed.`, { tenant });
    }
    if (!isServerFailure(cause)) throw cause;
    const whose = tenant === undefined ? '' : ` of the tenant "${tenant}"`;
    const message = `The server of the queue "${queue}" did not complete a command${whose}; try again, with a jobId so that no job is added twice.`;
    throw new TenancyError('SERVER_UNAVAILABLE', message, { cause, ...(tenant === undefined ? {} : { tenant }) });
  }
}

/** Whether the error is this reply of one of our scripts. */
export function isReply(error: unknown, reply: string): boolean {
  return error instanceof Error && error.message.includes(reply);
}

/** The error for adding a job of a tenant that has as many unfinished jobs as it may have. */
export function backlogFull(queue: string, tenant: string | undefined): TenancyError {
  const message = `The tenant "${tenant}" has too many unfinished jobs in the queue "${queue}"; add more when some are done.`;
  const error = new TenancyError('BACKLOG_FULL', message, { tenant });
  publish('omnitenant:queue:refused', () => ({ code: error.code, queue, tenant, message }));
  return error;
}

/** PostgreSQL's: connection exceptions, insufficient resources, and an administrator's shutdown. */
const sqlStates = /^(?:08...|53...|57P0.)$/;
const serverReplies =
  /\b(?:OOM|LOADING|READONLY|MISCONF|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|BUSY)\b|^ERR max number/;
const messages =
  /^Connection is closed|^Command timed out|isn't writeable|max retries per request|^connect |Connection terminated/;

function isServerFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, message } = error as Error & { code?: unknown };
  return (
    String(code) in socketErrors ||
    sqlStates.test(String(code)) ||
    serverReplies.test(message) ||
    messages.test(message)
  );
}
