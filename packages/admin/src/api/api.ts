import type { Operator } from '../operator.ts';
import { archiveHandlers } from './archives.ts';
import { auditHandlers } from './audit.ts';
import { domainClaimHandlers } from './domain-claims.ts';
import type { Call, Endpoint, Handler } from './endpoint.ts';
import { type EndpointName, endpoints } from './endpoints.ts';
import { fleetHandlers } from './fleet.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { longVerbHandlers } from './long-verbs.ts';
import { migrationHandlers } from './migrations.ts';
import { openApiDocument } from './open-api.ts';
import { operationHandlers } from './operations.ts';
import { readInput } from './read-input.ts';
import { requirePermission } from './require-permission.ts';
import { matchRoute } from './router.ts';
import { tenantHandlers } from './tenants.ts';
import { usageHandlers } from './usage.ts';
import { verbHandlers } from './verbs.ts';

/** A request of the API: `path` is below its prefix. */
export interface ApiRequest {
  readonly request: Request;
  readonly url: URL;
  readonly path: string;
  readonly operator: Operator;
  /** Asks the application again who is asking. */
  readonly operatorNow: () => Promise<Operator | undefined>;
}

/** Answers the requests of the API. */
export function createApi(parts: ApiParts): (asked: ApiRequest) => Promise<Response> {
  const handlers: Handlers<EndpointName> = {
    ...fleetHandlers(parts),
    ...tenantHandlers(parts),
    ...verbHandlers(parts),
    ...domainClaimHandlers(parts),
    ...longVerbHandlers(parts),
    ...migrationHandlers(parts),
    ...operationHandlers(parts),
    ...auditHandlers(parts),
    ...archiveHandlers(parts),
    ...usageHandlers(parts),
  };

  return async ({ request, url, path, operator, operatorNow }) => {
    if (path === '/openapi.json') {
      requirePermission(operator, 'read');
      return Response.json(openApiDocument());
    }
    const { name, params } = matchRoute(request.method, path);
    const endpoint: Endpoint = endpoints[name];
    requirePermission(operator, endpoint.permission);
    const input = await readInput(request, url, endpoint);
    const handle = handlers[name] as Handler<Endpoint>;
    const isPermitted = async () => {
      const now = await operatorNow();
      return now?.id === operator.id && now.permissions.includes(endpoint.permission);
    };
    const call = { request, params, operator, isPermitted, ...input } as Call<Endpoint>;
    const api = url.pathname.slice(0, -path.length);
    return responseOf(endpoint, await handle(call), api);
  };
}

function responseOf({ status = 200 }: Endpoint, value: unknown, api: string): Response {
  if (value instanceof Response) return value;
  const { id, etag } = value as { readonly id?: string; readonly etag?: string };
  const headers = { ...(etag && { ETag: etag }), ...(status === 202 && { Location: `${api}/operations/${id}` }) };
  return Response.json(value, { status, headers });
}
