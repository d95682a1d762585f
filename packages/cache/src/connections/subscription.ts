import type { Subscriber } from './redis-client.ts';

/** What a subscription tells of. */
export interface SubscriptionHandlers {
  /** From now on, every message is heard. Called again after it was lost. */
  readonly onHeard: () => void;
  /** Messages may have been missed. */
  readonly onLost: () => void;
  readonly onMessage: (message: string) => void;
  readonly onError?: (error: unknown) => void;
}

/** Subscribes to a channel, again after each loss of the connection. Returns what ends it. */
export function subscribe(
  client: Subscriber,
  channel: string,
  { onHeard, onLost, onMessage, onError = () => {} }: SubscriptionHandlers,
): () => void {
  client.on('error', onError);
  client.on('close', onLost);
  client.on('ready', () => {
    client.subscribe(channel).then(() => {
      if (client.status === 'ready') onHeard();
      // The connection is lost again, or Redis refuses: then nothing is heard.
    }, onError);
  });
  client.on('message', (_, message) => onMessage(message));
  // The client tells of the failure as an error, and tries again.
  client.connect().catch(() => {});
  return () => client.disconnect();
}
