import { tracingChannel } from 'node:diagnostics_channel';

/** What a tracing channel tells of work that has ended. */
export interface Ended {
  readonly error?: unknown;
  readonly result?: unknown;
}

/** What is done when work begins, and when it has ended. */
export interface Following<Message extends object> {
  start(message: Message): void;
  asyncEnd?(message: Message & Ended): void;
}

/** Listens to a tracing channel. Returns a function that ends it. */
export function follow<Message extends object>(
  name: string,
  { start, asyncEnd = () => {} }: Following<Message>,
): () => void {
  const handlers = { start, asyncEnd, end() {}, asyncStart() {}, error() {} } as never;
  const channel = tracingChannel<object, object>(name);
  channel.subscribe(handlers);
  return () => void channel.unsubscribe(handlers);
}
