import { Stream } from 'node:stream';
import { bindScope, type Tenancy, type TenantRequest } from '@omnitenant/core';
import { bindCallbacks, namesOneHost, pathOfTarget, responseClosed } from '@omnitenant/core/extend';
import type { Context, Middleware } from 'koa';

/**
 * Middleware that runs the middleware after it in the request's tenant, or in `central` for a public host. The scope ends
 * when the response has been sent, or when the client disconnects. If no tenant can be entered, it throws a `TenancyError`,
 * and Koa answers with its `status`. The host is `ctx.host`, so a proxy's `X-Forwarded-Host` is used where the application
 * sets `app.proxy`.
 *
 * @example
 * app.use(tenancyMiddleware(tenancy));
 * app.use((ctx) => { ctx.body = `Hello from ${tenancy.current().name}`; });
 */
export function tenancyMiddleware(tenancy: Pick<Tenancy, 'enter'>): Middleware {
  return (ctx, next) =>
    new Promise((resolve, reject) => {
      let entered = false;
      tenancy
        .enter(tenantRequest(ctx), () => {
          entered = true;
          const inScope = bindScope();
          bind(inScope, ctx, 'onerror');
          bind(inScope, ctx.req, 'emit');
          bind(inScope, ctx.res, 'emit');
          bindCallbacks(ctx.res);
          next()
            .then(() => bindBody(inScope, ctx.body))
            .then(resolve, reject);
          return responseClosed({ incoming: ctx.req, response: ctx.res });
        })
        // An error after the response, such as one of closing a resource, can no longer be answered.
        .catch((error) => (entered ? ctx.onerror(error) : reject(error)));
    });
}

function tenantRequest(ctx: Context): TenantRequest {
  return {
    host: namesOneHost(ctx.req, ctx.originalUrl) ? ctx.host : undefined,
    path: pathOfTarget(ctx.originalUrl),
    header: (name) => ctx.get(name) || undefined,
    raw: ctx.req,
  };
}

type InScope = ReturnType<typeof bindScope>;

/** Koa sends the body after the middleware has ended, outside all scopes; this makes the application's stream run in its own. */
function bindBody(inScope: InScope, body: unknown): void {
  if (body instanceof Stream) bind(inScope, body, 'read', 'emit');
  const web = body instanceof Response ? body.body : body;
  if (web instanceof ReadableStream) bindIteration(inScope, web);
}

/** Koa reads a web stream by iterating over it. */
function bindIteration(inScope: InScope, stream: ReadableStream): void {
  const iterate = stream[Symbol.asyncIterator];
  stream[Symbol.asyncIterator] = (...args) => {
    const iterator = iterate.apply(stream, args);
    bind(inScope, iterator, 'next');
    return iterator;
  };
}

/** Makes an object's methods run in the scope, wherever they are called from. */
function bind(inScope: InScope, target: object, ...names: string[]): void {
  for (const name of names) {
    const method: unknown = Reflect.get(target, name);
    if (typeof method !== 'function') continue;
    Reflect.set(target, name, (...args: unknown[]) => inScope(() => Reflect.apply(method, target, args)));
  }
}
