import type { EventEmitter } from 'node:events';
import { bindScope, type Tenancy, type TenantRequest } from '@omnitenant/core';
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
    host: oneHost(req) ? req.hostname : undefined,
    path: pathname(req.originalUrl),
    header: (name) => req.get(name),
    raw: req,
  };
}

/**
 * Node keeps the first of several Host headers, a proxy in front may have read another, and a target that is a whole URL names
 * a host as well: where they differ, no host is sure.
 */
function oneHost(req: Request): boolean {
  const [host, ...others] = req.headersDistinct.host ?? [];
  if (host === undefined || others.length > 0 || host.includes(',')) return false;
  return req.originalUrl.startsWith('/') || URL.parse(req.originalUrl)?.host === URL.parse(`http://${host}`)?.host;
}

/** A client may send its request's target as a whole URL. */
function pathname(url: string): string {
  const path = url.startsWith('/') ? url : (URL.parse(url)?.pathname ?? '/');
  return path.replace(/\?.*$/s, '');
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
