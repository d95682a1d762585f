import { namesTwo } from '../errors/errors.ts';
import { after } from './after.ts';
import { expectedBy, expecting, type Identifier, type TenantRequest, type TenantResolver } from './resolver.ts';

/**
 * Requires all resolvers that find an identifier to agree, so that a token of one tenant is refused at the host of another. An id and a domain
 * agree if the domain is that tenant's.
 * @throws TENANT_UNRESOLVED
 * @example
 * const resolver = allOf(fromSubdomain('app.com'), fromToken({ key, algorithms: ['RS256'] }));
 */
export function allOf(...resolvers: readonly TenantResolver[]): TenantResolver {
  function resolveFrom(
    position: number,
    request: TenantRequest,
    agreed: Identifier | undefined,
  ): ReturnType<TenantResolver> {
    const resolve = resolvers[position];
    if (resolve === undefined) return agreed;
    return after(resolve(request), (identifier) => {
      if (agreed === undefined || identifier === undefined)
        return resolveFrom(position + 1, request, agreed ?? identifier);
      return resolveFrom(position + 1, request, both(agreed, identifier));
    });
  }
  return expecting(expectedBy(resolvers), (request) => resolveFrom(0, request, undefined));
}

/** Whether an id and a domain are of one tenant is known when the tenant is. A host with "www." may be another tenant's than the one without. */
function both(one: Identifier, other: Identifier): Identifier {
  const differ =
    areTwo(one.id, other.id) ||
    areTwo(one.domain, other.domain) ||
    (one.domain !== undefined && other.domain !== undefined && one.exact !== other.exact);
  if (differ) throw namesTwo();
  const { domain, exact } = one.domain === undefined ? other : one;
  const id = one.id ?? other.id;
  if (domain === undefined) return one;
  return id === undefined ? { domain, exact } : { id, domain, exact };
}

function areTwo(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}
