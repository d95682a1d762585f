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

/** What a request says about its tenant. */
export type Identifier = { readonly id: string } | { readonly domain: string };

/**
 * Reads an identifier from a request; `undefined` if there is none. It does not look tenants up. A resolver that has nothing to wait
 * for returns no promise, and costs none.
 */
export type TenantResolver = (request: TenantRequest) => Identifier | undefined | Promise<Identifier | undefined>;
