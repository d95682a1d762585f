/** What a resolver sees of a request, whatever the framework. */
export interface TenantRequest {
  /** The value of the Host header, as far as the framework trusts it. */
  readonly host: string | undefined;
  /** The full path as received, any mount prefix included, without the query. */
  readonly path: string;
  header(name: string): string | undefined;
  /** The framework's own request. */
  readonly raw: unknown;
}

/** What a request says about its tenant. */
export type Identifier = { readonly id: string } | { readonly domain: string };

/** Reads an identifier out of a request, or `undefined` where there is none; pure, synchronous, and loads nothing. */
export type TenantResolver = (request: TenantRequest) => Identifier | undefined;
