import type { Outbox, OutboxMessage } from '@omnitenant/core/extend';
import type { CheckedEndpoint } from './endpoint.ts';
import type { Ending } from './one-at-a-time.ts';
import { pause } from './pause.ts';
import { send } from './send.ts';

/** How often a message is sent, and after how long again. */
export interface RetryOptions {
  /** After so many attempts a message is dead, until `resend`. Default: 12, which take about a day. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the second attempt. Each later one waits three times as long as the one before it. Default: 5000. */
  readonly firstMs?: number | undefined;
  /** The longest wait, in milliseconds. Default: six hours. */
  readonly mostMs?: number | undefined;
}

/** The parts of deliveries. */
export interface Deliveries {
  readonly outbox: Outbox;
  readonly retry: Required<{ readonly [Option in keyof RetryOptions]: number }>;
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
}

/** So many messages of an endpoint are sent at a time, each of another tenant. */
const atOnce = 8;

/** Sends an endpoint its messages until the stop, and finishes those that it has begun with unless they are cut. */
export async function deliverTo(endpoint: CheckedEndpoint, parts: Deliveries, { stop, cut }: Ending): Promise<void> {
  const { outbox, pollMs, onError } = parts;
  while (!stop.aborted) {
    const due = await outbox.due(endpoint.name, atOnce).catch((error: unknown) => {
      onError(error);
      return [];
    });
    const settled = await Promise.allSettled(due.map((message) => deliver(endpoint, message, parts, cut)));
    const errors = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    errors.forEach(onError);
    // What central could not record is sent again, and not at once.
    if (due.length === 0 || errors.length > 0) await pause(pollMs, stop);
  }
}

async function deliver(
  endpoint: CheckedEndpoint,
  message: OutboxMessage,
  { outbox, retry, timeoutMs }: Deliveries,
  cut: AbortSignal,
): Promise<void> {
  if (cut.aborted) return;
  const sent = await send(endpoint, message, { timeoutMs, cut });
  // Whoever delivers now finds it as it was.
  if (sent === 'cut') return;
  if (sent === 'received') return outbox.delivered(endpoint.name, message.number);
  if (sent === 'gone') return outbox.disable(endpoint.name);
  const attempts = message.attempts + 1;
  const retryMs = attempts < retry.attempts ? waitAfter(attempts, retry) : undefined;
  return outbox.failed(endpoint.name, message.number, { error: sent.error, retryMs });
}

function waitAfter(attempts: number, { firstMs, mostMs }: Deliveries['retry']): number {
  return Math.min(firstMs * 3 ** (attempts - 1), mostMs);
}
