import { TenancyError } from '../errors.ts';
import { after } from './after.ts';
import { expectedBy, expecting, type Identifier, type TenantRequest, type TenantResolver } from './resolver.ts';

/**
 * Requires all resolvers that find an identifier to agree, so that a token of one tenant is refused at the host of another.
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
      if (agreed !== undefined && identifier !== undefined && !same(agreed, identifier)) {
        throw new TenancyError('TENANT_UNRESOLVED', 'The request names two tenants; it must name one.');
      }
      return resolveFrom(position + 1, request, agreed ?? identifier);
    });
  }
  return expecting(expectedBy(resolvers), (request) => resolveFrom(0, request, undefined));
}

function same(one: Identifier, other: Identifier): boolean {
  if ('id' in one) return 'id' in other && one.id === other.id;
  // A host with "www." may be another tenant's than the one without.
  return 'domain' in other && one.domain === other.domain && one.exact === other.exact;
}
