/** A request, independent of the framework. */
export interface TenantRequest {
  /** The value of the Host header, according to the framework's trust in proxies. */
  readonly host: string | undefined;
  /** The full path as received, including any mount prefix, without the query. */
  readonly path: string;
  header(name: string): string | undefined;
  /** The framework's own request. */
  readonly raw: unknown;
}

/**
 * The identifier of a tenant in a request. A tenant of the domain `exact` has priority over one of `domain`. An id and a domain together
 * must belong to one tenant.
 */
export type Identifier =
  | { readonly id: string; readonly domain?: string | undefined; readonly exact?: string | undefined }
  | { readonly id?: undefined; readonly domain: string; readonly exact?: string | undefined };

/**
 * Reads an identifier from a request; `undefined` if there is none. It does not look tenants up. A resolver that has nothing to wait
 * for returns no promise, and costs none.
 */
export interface TenantResolver {
  (request: TenantRequest): Identifier | undefined | Promise<Identifier | undefined>;
  /** What has to be in a request, for the message about one that has not: `a subdomain of "app.com"`. */
  readonly expects?: string | undefined;
}

/** A resolver that says what it expects. */
export function expecting(expects: string | undefined, resolve: TenantResolver): TenantResolver {
  return Object.assign((request: TenantRequest) => resolve(request), { expects });
}

/** What several resolvers expect, as far as they say. */
export function expectedBy(resolvers: readonly TenantResolver[]): string | undefined {
  return resolvers.flatMap(({ expects }) => expects ?? []).join(' or ') || undefined;
}
