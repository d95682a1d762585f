import type { EventEmitter } from 'node:events';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { bindScope, isTenancyError, type Tenancy, type TenancyError, type TenantRequest } from '@omnitenant/core';
import { namesOneHost, pathOfTarget } from '@omnitenant/core/extend';
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
    let entered = false;
    tenancy
      .enter(tenantRequest(request), () => {
        entered = true;
        bindListeners(request.raw);
        bindListeners(reply.raw);
        next();
        return closed(reply.raw);
      })
      // An error after the response, such as one of closing a resource, can no longer be answered.
      .catch((error) => (entered ? process.emitWarning(error) : next(error)));
  });
  hideMessages(app);
  done();
}

function tenantRequest(request: FastifyRequest): TenantRequest {
  return {
    host: namesOneHost(request.raw.headersDistinct?.host, request.originalUrl) ? request.host : undefined,
    path: pathOfTarget(request.originalUrl),
    header: (name) => [request.headers[name.toLowerCase()]].flat()[0],
    raw: request,
  };
}

/** A socket emits events outside all scopes; this makes the listeners of the request and the response run in its scope. */
function bindListeners(emitter: EventEmitter): void {
  const inScope = bindScope();
  const { emit } = emitter;
  emitter.emit = (...args) => inScope(() => emit.apply(emitter, args));
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

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => (response.closed ? resolve() : response.once('close', resolve)));
}
