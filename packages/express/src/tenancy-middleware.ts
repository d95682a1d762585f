import type { EventEmitter } from 'node:events';
import { snapshot, type Tenancy, type TenantRequest } from '@omnitenant/core';
import type { Request, RequestHandler, Response } from 'express';

/**
 * Middleware that runs what comes after it in the request's tenant, or in `central` for a public host, until the response
 * is over: sent, or its client gone. A request that leads to no tenant, or to one that is closed, goes to the error
 * handlers as a `TenancyError`, whose `status` Express answers with. The host is `req.hostname`: what a proxy says of it
 * counts where the application has set `trust proxy`.
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
      // What fails after the response is over, such as closing a resource, is no longer the request's.
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

/** A socket's events come from outside of any scope; the listeners of this request and response run in theirs. */
function bindListeners(emitter: EventEmitter): void {
  const inScope = snapshot();
  const { emit } = emitter;
  emitter.emit = (...args) => inScope(() => emit.apply(emitter, args));
}

function closed(res: Response): Promise<void> {
  return new Promise((resolve) => (res.closed ? resolve() : res.once('close', resolve)));
}
