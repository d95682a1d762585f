import { TenancyError } from '@omnitenant/core';

/**
 * Where a tenant's own server is, as stored in its record: `env:NAME` for the environment variable that contains the URL, or the sealed
 * URL itself.
 */
export type Reference = string;

/** The environment variable that a reference names. */
export function variableOf(reference: Reference): string | undefined {
  return /^env:([A-Za-z_]\w*)$/.exec(reference)?.[1];
}

/** Why the text is not a reference, without repeating it; `undefined` if it is one. */
export function faultOfReference(text: string): string | undefined {
  return variableOf(text) !== undefined || isSealed(text)
    ? undefined
    : 'its url is not stored unsealed. Give "env:NAME", the environment variable that contains it, or seal it with orm.credentials.seal(url) or "omnitenant credentials seal".';
}

/** Whether it has the shape of a sealed URL: a compact JWE, whose key is not in it. */
function isSealed(text: string): boolean {
  return /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** @throws TENANT_INVALID if a tenant's placement contains a URL that is not a reference. */
export function checkReference(tenant: string, placement: { readonly url?: string } | undefined): void {
  const fault = placement?.url === undefined ? undefined : faultOfReference(placement.url);
  if (fault) throw new TenancyError('TENANT_INVALID', `Tenant "${tenant}" cannot be stored: ${fault}`, { tenant });
}
