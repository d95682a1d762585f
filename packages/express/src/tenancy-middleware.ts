import type { EventEmitter } from 'node:events';
import { bindScope, type Tenancy, type TenantRequest } from '@omnitenant/core';
import { namesOneHost, pathOfTarget } from '@omnitenant/core/extend';
import type { Request, RequestHandler, Response } from 'express';

/**
 * Middleware that runs the handlers after it in the request's tenant, or in `central` for a public host. The scope ends when
 * the response has been sent, or when the client disconnects. If no tenant can be entered, the error handlers receive a
 * `TenancyError`, and Express answers with its `status`. The host is `req.hostname`, so a proxy's `X-Forwarded-Host` is
 * used where the application sets `trust proxy`.
 *
 * @example
 * app.use(tenancyMiddleware(tenancy));
 * app.get('/', (req, res) => res.send(`Hello from ${tenancy.current().name}`));
 */
export function tenancyMiddleware(tenancy: Pick<Tenancy, 'enter'>): RequestHandler {
  return (req, res, next) => {
    let entered = false;
    tenancy
      .enter(tenantRequest(req), () => {
        entered = true;
        bindListeners(req);
        bindListeners(res);
        next();
        return closed(res);
      })
      // An error after the response, such as one of closing a resource, can no longer be answered.
      .catch((error) => (entered ? process.emitWarning(error) : next(error)));
  };
}

function tenantRequest(req: Request): TenantRequest {
  return {
    host: namesOneHost(req.headersDistinct.host, req.originalUrl) ? req.hostname : undefined,
    path: pathOfTarget(req.originalUrl),
    header: (name) => req.get(name),
    raw: req,
  };
}

/** A socket emits events outside all scopes; this makes the listeners of the request and the response run in its scope. */
function bindListeners(emitter: EventEmitter): void {
  const inScope = bindScope();
  const { emit } = emitter;
  emitter.emit = (...args) => inScope(() => emit.apply(emitter, args));
}

function closed(res: Response): Promise<void> {
  return new Promise((resolve) => (res.closed ? resolve() : res.once('close', resolve)));
}
