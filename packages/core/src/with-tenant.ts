import { isTenancyError } from './errors/errors.ts';
import { warn } from './errors/warn.ts';
import { pathOfTarget } from './integrations/request-target.ts';
import { scopedBody } from './integrations/scoped-body.ts';
import type { TenantRequest } from './resolvers/resolver.ts';
import type { Tenancy } from './tenancy.ts';

/** Options of `withTenant`. */
export interface WithTenantOptions {
  /** The host of a request. Default: that of its URL. Read a proxy's `X-Forwarded-Host` only if none but the proxy can reach the server. */
  readonly host?: ((request: Request) => string | undefined) | undefined;
  /**
   * Answers an error of the handler, in its scope, or of identifying the tenant. Default: a `TenancyError` is answered with its
   * `getResponse()`, and logged if that is a 5xx; other errors are left to the caller.
   */
  readonly onError?: ((error: unknown, request: Request) => Response | Promise<Response>) | undefined;
}

/**
 * Makes a fetch handler run in the request's tenant, or in `central` for a public host: a route handler of Next.js, a loader of Remix, Bun, Deno,
 * or any other function from `Request` to `Response`. Further arguments are passed on. The scope ends when the response
 * has been made, and that of a stream when it has been read to the end or cancelled.
 * @example
 * export const GET = withTenant(tenancy, async () => Response.json(await orm.em.find(Order, {})));
 */
export function withTenant<Further extends readonly unknown[]>(
  tenancy: Pick<Tenancy, 'enter'>,
  handler: (request: Request, ...further: Further) => Response | Promise<Response>,
  { host = hostOf, onError = answer }: WithTenantOptions = {},
): (request: Request, ...further: Further) => Promise<Response> {
  return (request, ...further) => {
    const { promise: response, resolve, reject } = Promise.withResolvers<Response>();
    let entered = false;
    let answered = false;

    async function handleInScope(): Promise<void> {
      entered = true;
      const made = await handled();
      if (request.method === 'HEAD') await made.body?.cancel();
      const scoped = request.method === 'HEAD' ? undefined : scopedBody(made.body);
      resolve(scoped === undefined && !made.bodyUsed ? made : new Response(scoped?.body, made));
      answered = true;
      await scoped?.over;
    }

    async function handled(): Promise<Response> {
      try {
        return await handler(request, ...further);
      } catch (error) {
        return await onError(error, request);
      }
    }

    async function failed(error: unknown): Promise<void> {
      // An error after the response, such as one of closing a resource, can no longer be answered.
      if (answered) return warn(error);
      if (entered) throw error;
      resolve(await onError(error, request));
    }

    tenancy
      .enter(tenantRequest(request, host(request)), handleInScope)
      .catch(failed)
      .catch(reject);
    return response;
  };
}

function tenantRequest(request: Request, host: string | undefined): TenantRequest {
  return {
    host,
    path: pathOfTarget(new URL(request.url).pathname),
    header: (name) => request.headers.get(name) ?? undefined,
    raw: request,
  };
}

/** Two `Host` headers arrive as one with a comma; a proxy may have read either. */
function hostOf(request: Request): string | undefined {
  return request.headers.get('host')?.includes(',') ? undefined : new URL(request.url).host;
}

function answer(error: unknown): Response {
  if (!isTenancyError(error)) throw error;
  if (error.status >= 500) console.error(error);
  return error.getResponse();
}
