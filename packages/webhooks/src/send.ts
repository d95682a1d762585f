import { incarnationOf, type TenantEvent } from '@omnitenant/core/extend';
import type { CheckedEndpoint } from './endpoint.ts';
import { signedHeaders } from './sign.ts';

/** What became of a message: received, refused for good with 410, why it was not received, or that nobody knows. */
export type Sent = 'received' | 'gone' | 'cut' | { readonly error: string };

/** How long an answer is waited for: so many milliseconds, or until the signal. */
export interface SendLimits {
  readonly timeoutMs: number;
  readonly cut: AbortSignal;
}

/** Sends an event once. It follows no redirect, and reads nothing of the answer but its status. */
export async function send(
  { url, keys }: CheckedEndpoint,
  event: TenantEvent,
  { timeoutMs, cut }: SendLimits,
): Promise<Sent> {
  const body = bodyOf(event);
  const headers = signedHeaders({ id: event.id, body }, keys, new Date());
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'omnitenant-webhooks' },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), cut]),
    });
    // The status says it all: what becomes of the rest is no failure of the message.
    response.body?.cancel().catch(() => {});
    if (response.ok) return 'received';
    return response.status === 410 ? 'gone' : { error: `It was answered with status ${response.status}.` };
  } catch (error) {
    if (cut.aborted) return 'cut';
    return { error: reasonOf(error as Error, timeoutMs) };
  }
}

/** The same text each time that an event is sent. */
function bodyOf({ type, tenant, createdAt, number, host, at }: TenantEvent): string {
  const incarnation = incarnationOf({ id: tenant, createdAt });
  const data = { tenant, incarnation, sequence: number, ...(host !== undefined && { host }) };
  return JSON.stringify({ type, timestamp: at.toISOString(), data });
}

/** Without the message of the error, which may say what is in the URL. */
function reasonOf({ name, cause }: Error, timeoutMs: number): string {
  if (name === 'TimeoutError') return `It was not answered within ${timeoutMs} ms.`;
  return `It cannot be reached: ${(cause as NodeJS.ErrnoException | undefined)?.code ?? name}.`;
}
