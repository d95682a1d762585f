import { snapshot, type Tenancy, type TenantRequest } from '@omnitenant/core';
import type { Context, MiddlewareHandler } from 'hono';

/**
 * Middleware that runs what comes after it in the request's tenant, or in `central` for a public host, until the response
 * is over: handed over in one piece, or streamed to its end, or its client gone. A request that leads to no tenant, or to
 * one that is closed, throws a `TenancyError`, which Hono answers with the error's own response. The host is the URL's.
 *
 * @example
 * app.use(tenancyMiddleware(tenancy));
 * app.get('/', (c) => c.text(`Hello from ${tenancy.current().name}`));
 */
export function tenancyMiddleware(tenancy: Pick<Tenancy, 'enter'>): MiddlewareHandler {
  return (c, next) =>
    new Promise((resolve, reject) => {
      let answered = false;
      tenancy
        .enter(tenantRequest(c), async () => {
          await next();
          const body = c.req.method === 'HEAD' || isWhole(c.res) ? null : c.res.body;
          const streamed = body && !isBytes(body) ? inScopeUntilRead(body) : undefined;
          if (streamed) replaceBody(c, streamed.body);
          answered = true;
          resolve();
          await streamed?.over;
        })
        // What fails after the response is over, such as closing a resource, is no longer the request's.
        .catch((error) => (answered ? process.emitWarning(error) : reject(error)));
    });
}

function tenantRequest(c: Context): TenantRequest {
  // A request's URL is in its normal form, and taking it apart again costs as much as finding the tenant.
  const [, host, path] = /^[^:]+:\/\/([^/?#]*)([^?#]*)/.exec(c.req.url) ?? [];
  return {
    host: c.req.header('host')?.includes(',') ? undefined : host,
    path: path || '/',
    header: (name) => c.req.header(name),
    raw: c.req.raw,
  };
}

/**
 * A byte stream is what the runtime makes of a text, a blob or a fetched answer: reading it runs nobody's code, and it keeps
 * its length. An application's own stream of that type cannot be told from them, and is read outside of the scope.
 */
function isBytes(body: ReadableStream): boolean {
  try {
    body.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

/**
 * Hono's Node server keeps what a response was made of, and makes the response itself, with a stream for its body, only
 * when someone asks: an answer that it still holds as text or bytes is over in one piece, and is not asked.
 */
function isWhole(response: Response): boolean {
  heldBy ??= Object.getOwnPropertySymbols(response).find(({ description }) => description === 'cache');
  const held: unknown = heldBy && (response as unknown as Record<symbol, unknown>)[heldBy];
  if (!Array.isArray(held)) return false;
  const body: unknown = held[1];
  return body === null || typeof body === 'string' || body instanceof Uint8Array;
}

/** The name by which a response holds it, once one was seen. */
let heldBy: symbol | undefined;

function replaceBody(c: Context, body: ReadableStream): void {
  const response = c.res;
  c.res = undefined;
  c.res = new Response(body, response);
}

/** The server pulls the body after the middleware has ended, outside of any scope: what the application wrote runs in its own. */
function inScopeUntilRead(source: ReadableStream): { body: ReadableStream; over: Promise<void> } {
  const inScope = snapshot();
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
