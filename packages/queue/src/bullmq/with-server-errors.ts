import { TenancyError } from '@omnitenant/core';
import { type Stamp, tenantIn } from '../jobs/owner.ts';

/**
 * Does what needs the queue's server.
 * @throws SERVER_UNAVAILABLE where that does not answer, or cannot take more.
 */
export async function reach<R>(queue: string, stamp: Stamp | undefined, act: () => Promise<R>): Promise<R> {
  try {
    return await act();
  } catch (cause) {
    if (!isServerFailure(cause)) throw cause;
    const tenant = stamp === undefined ? undefined : tenantIn(stamp);
    const whose = tenant === undefined ? '' : ` for the tenant "${tenant}"`;
    const message = `The server of the queue "${queue}" did not do what was asked${whose}; try again, and give the job a jobId so that it is not added twice.`;
    throw new TenancyError('SERVER_UNAVAILABLE', message, { cause, ...(tenant === undefined ? {} : { tenant }) });
  }
}

const codes =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|08...|53...|57P0.)$/;
const replies = /\b(?:OOM|LOADING|READONLY|MISCONF|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|BUSY)\b|^ERR max number/;
const messages =
  /^Connection is closed|^Command timed out|isn't writeable|max retries per request|^connect |Connection terminated/;

function isServerFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, message } = error as Error & { code?: unknown };
  return codes.test(String(code)) || replies.test(message) || messages.test(message);
}
