import { TenancyError } from '@omnitenant/core';

/**
 * How a tenant's record says where its own server is: `env:NAME`, the environment variable that holds the URL, or the
 * URL itself, sealed.
 */
export type Reference = string;

/** The environment variable that a reference names. */
export function variableOf(reference: Reference): string | undefined {
  return /^env:([A-Za-z_]\w*)$/.exec(reference)?.[1];
}

/** What is wrong with a text as a reference, without repeating it; `undefined` where nothing is. */
export function faultOfReference(text: string): string | undefined {
  return variableOf(text) !== undefined || isSealed(text)
    ? undefined
    : "its url is not kept as it is. Give 'env:NAME', the environment variable that holds it, or seal it: orm.credentials.seal(url), omnitenant credentials seal.";
}

/** Whether it has the shape of a sealed URL: a compact JWE, whose key is not in it. */
function isSealed(text: string): boolean {
  return /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** @throws TENANT_INVALID where a tenant's placement holds a URL that is no reference. */
export function checkReference(tenant: string, placement: { readonly url?: string } | undefined): void {
  const fault = placement?.url === undefined ? undefined : faultOfReference(placement.url);
  if (fault) throw new TenancyError('TENANT_INVALID', `The tenant '${tenant}' cannot be kept: ${fault}`, { tenant });
}
