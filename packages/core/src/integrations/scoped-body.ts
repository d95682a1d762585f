import { bindScope } from '../scope/context.ts';

/** A body whose stream runs in the scope that it was made in, and when that has been read to the end or cancelled. */
export interface StreamInScope {
  readonly body: ReadableStream;
  readonly over: Promise<void>;
}

/**
 * Servers read the body after the handler has returned, outside all scopes; this makes a stream of the application's own run in the current one.
 * `undefined` for a body that runs no code of the application.
 */
export function scopedBody(body: ReadableStream | null): StreamInScope | undefined {
  return body === null || isBytes(body) ? undefined : inScopeUntilRead(body);
}

/**
 * Whether the stream is a byte stream: the runtime makes one from a text, a blob or a fetched response, and reading it runs
 * no code of the application. A byte stream of the application's own looks the same, so it is read outside the scope.
 */
function isBytes(body: ReadableStream): boolean {
  try {
    body.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

function inScopeUntilRead(source: ReadableStream): StreamInScope {
  const inScope = bindScope();
  const reader = source.getReader();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const body = new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await inScope(() => reader.read());
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        end();
      },
      cancel(reason) {
        const cancelled = inScope(() => reader.cancel(reason));
        end();
        return cancelled;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, over };
}
