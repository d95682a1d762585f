import { isTenancyError, type Tenancy, type TenantRequest } from '@omnitenant/core';
import { pathOfTarget, scopedBody, warn } from '@omnitenant/core/extend';
import type { Context, MiddlewareHandler } from 'hono';

/** Options of the middleware. */
export interface MiddlewareOptions {
  /**
   * Receives each `TenancyError` that is the server's fault (5xx), because Hono answers it without a word. Default: `console.error`, as
   * Express and Koa do.
   */
  readonly log?: ((error: unknown) => void) | undefined;
}

/**
 * Middleware that runs the handlers after it in the request's tenant, or in `central` for a public host. The scope ends when
 * the response has been handed over, when its stream has been read to the end, or when the client disconnects. If no tenant
 * can be entered, it throws a `TenancyError`, which Hono answers with the error's own response. The host is the URL's.
 *
 * @example
 * app.use(tenancyMiddleware(tenancy));
 * app.get('/', (c) => c.text(`Hello from ${tenancy.current().name}`));
 */
export function tenancyMiddleware(
  tenancy: Pick<Tenancy, 'enter'>,
  { log = console.error }: MiddlewareOptions = {},
): MiddlewareHandler {
  function logFault(error: unknown): void {
    if (isTenancyError(error) && error.status >= 500) log(error);
  }
  return (c, next) =>
    new Promise((resolve, reject) => {
      let answered = false;
      tenancy
        .enter(tenantRequest(c), async () => {
          const whole = rememberWhole(c);
          await next();
          logFault(c.error);
          const body = c.req.method === 'HEAD' || c.res === whole() ? null : c.res.body;
          const streamed = scopedBody(body);
          if (streamed) replaceBody(c, streamed.body);
          answered = true;
          resolve();
          await streamed?.over;
        })
        // An error after the response, such as one of closing a resource, can no longer be answered.
        .catch((error) => {
          if (answered) return warn(error);
          logFault(error);
          reject(error);
        });
    });
}

function tenantRequest(c: Context): TenantRequest {
  // A request's URL is already normalised; parsing it again would cost as much as finding the tenant.
  const [, host, path] = /^[^:]+:\/\/([^/?#]*)([^?#]*)/.exec(c.req.url) ?? [];
  // On Node, what was sent: a URL has its dots resolved already.
  const target = (c.env as { incoming?: { url?: string } } | undefined)?.incoming?.url;
  return {
    host: c.req.header('host')?.includes(',') ? undefined : host,
    path: pathOfTarget(target ?? (path || '/')),
    header: (name) => c.req.header(name),
    raw: c.req.raw,
  };
}

/**
 * Remembers the latest response that Hono made from a text or an object. Such a response is sent in one piece, so its body
 * is not asked for: Hono's Node server would have to make a stream of it, for 30 to 40 µs of CPU time.
 */
function rememberWhole(c: Context): () => Response | undefined {
  let latest: Response | undefined;
  for (const name of ['text', 'json', 'html'] as const) {
    const respond = c[name] as (...args: unknown[]) => Response | Promise<Response>;
    function remembering(...args: unknown[]): Response | Promise<Response> {
      const response = respond(...args);
      if (response instanceof Response) latest = response;
      return response;
    }
    Reflect.set(c, name, remembering);
  }
  return () => latest;
}

function replaceBody(c: Context, body: ReadableStream): void {
  const response = c.res;
  c.res = undefined;
  c.res = new Response(body, response);
}
