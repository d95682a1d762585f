import { STATUS_CODES } from 'node:http';
import { isTenancyError, type Tenancy, type TenancyError, type TenantRequest } from '@omnitenant/core';
import { enterUntilClosed, namesOneHost, pathOfTarget } from '@omnitenant/core/extend';
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

/** Options of the plugin. */
export interface TenancyPluginOptions {
  readonly tenancy: Pick<Tenancy, 'enter'>;
}

/**
 * Plugin that runs the hooks and handlers after it in the request's tenant, or in `central` for a public host. The scope ends when
 * the response has been sent, or when the client disconnects. If no tenant can be entered, the error handler receives a
 * `TenancyError`, and Fastify answers with its `status`. The host is `request.host`, so a proxy's `X-Forwarded-Host` is used where
 * the application sets `trustProxy`.
 *
 * Register it before other plugins that look for a tenant: hooks run in the order in which they were added.
 * @example
 * await app.register(tenancyPlugin, { tenancy });
 * app.get('/', () => `Hello from ${tenancy.current().name}`);
 */
export const tenancyPlugin: FastifyPluginCallback<TenancyPluginOptions> = fastifyPlugin(register, {
  name: '@omnitenant/fastify',
  fastify: '5.x',
});

function register(app: FastifyInstance, { tenancy }: TenancyPluginOptions, done: () => void): void {
  app.addHook('onRequest', (request, reply, next) => {
    const exchange = { incoming: request.raw, response: reply.raw };
    enterUntilClosed(tenancy, tenantRequest(request), exchange, (error) => next(error as Error | undefined));
  });
  hideMessages(app);
  done();
}

function tenantRequest(request: FastifyRequest): TenantRequest {
  return {
    host: namesOneHost(request.raw, request.originalUrl) ? request.host : undefined,
    path: pathOfTarget(request.originalUrl),
    header: (name) => [request.headers[name.toLowerCase()]].flat()[0],
    raw: request,
  };
}

/** Fastify's own error handler sends the message of any error; this replaces one that no caller may read. */
function hideMessages(app: FastifyInstance): void {
  const hidden = new WeakMap<FastifyReply, TenancyError>();
  app.addHook('onError', (_request, reply, error, next) => {
    if (isTenancyError(error) && !error.expose) hidden.set(reply, error);
    next();
  });
  app.addHook('onSend', (_request, reply, payload, next) => {
    const error = hidden.get(reply);
    next(null, error === undefined ? payload : withoutMessage(payload, error));
  });
}

function withoutMessage(payload: unknown, { message, status }: TenancyError): unknown {
  if (typeof payload !== 'string') return payload;
  const shown = STATUS_CODES[status] ?? 'Error';
  return payload.replace(`"message":${JSON.stringify(message)}`, () => `"message":${JSON.stringify(shown)}`);
}
