import type { Tenancy, TenantRequest } from '@omnitenant/core';
import { enterUntilClosed, namesOneHost, pathOfTarget } from '@omnitenant/core/extend';
import type { Request, RequestHandler } from 'express';

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
  return (incoming, response, next) => enterUntilClosed(tenancy, tenantRequest(incoming), { incoming, response }, next);
}

function tenantRequest(req: Request): TenantRequest {
  return {
    host: namesOneHost(req, req.originalUrl) ? req.hostname : undefined,
    path: pathOfTarget(req.originalUrl),
    header: (name) => req.get(name),
    raw: req,
  };
}
