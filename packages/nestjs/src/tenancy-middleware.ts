import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NestMiddleware } from '@nestjs/common';
import { isTenancyError, type Tenancy, type TenantRequest } from '@omnitenant/core';
import { enterUntilClosed, namesOneHost, pathOfTarget } from '@omnitenant/core/extend';
import { TenancyHttpException } from './tenancy-http-exception.ts';

/** What Express, and Nest's Fastify adapter, add to Node's request: both follow the application's trust in proxies. */
interface PlatformRequest extends IncomingMessage {
  readonly hostname?: string;
  readonly originalUrl?: string;
}

/** Runs what follows in the request's tenant, on Express and on Fastify. */
export class TenancyMiddleware implements NestMiddleware<PlatformRequest, ServerResponse> {
  readonly #tenancy: Pick<Tenancy, 'enter'>;

  constructor(tenancy: Pick<Tenancy, 'enter'>) {
    this.#tenancy = tenancy;
  }

  use(incoming: PlatformRequest, response: ServerResponse, next: (error?: unknown) => void): void {
    enterUntilClosed(this.#tenancy, tenantRequest(incoming), { incoming, response }, (error) => {
      if (!isTenancyError(error)) return next(error);
      // A filter of the application sets no headers of ours.
      for (const [name, value] of Object.entries(error.headers ?? {})) response.setHeader(name, value);
      next(new TenancyHttpException(error));
    });
  }
}

function tenantRequest(request: PlatformRequest): TenantRequest {
  const target = request.originalUrl ?? request.url ?? '/';
  return {
    host: namesOneHost(request, target) ? (request.hostname ?? request.headers.host) : undefined,
    path: pathOfTarget(target),
    header: (name) => [request.headers[name.toLowerCase()]].flat()[0],
    raw: request,
  };
}
