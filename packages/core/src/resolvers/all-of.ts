import { TenancyError } from '../errors.ts';
import type { Identifier, TenantResolver } from './resolver.ts';

/**
 * Requires all resolvers that find an identifier to agree, so that a token of one tenant is refused at the host of another.
 * @throws TENANT_UNRESOLVED
 * @example
 * const resolver = allOf(fromSubdomain('app.com'), (request) => tenantOfSession(request));
 */
export function allOf(...resolvers: readonly TenantResolver[]): TenantResolver {
  return (request) => {
    let agreed: Identifier | undefined;
    for (const resolve of resolvers) {
      const identifier = resolve(request);
      if (identifier === undefined) continue;
      agreed ??= identifier;
      if (!same(agreed, identifier)) {
        throw new TenancyError('TENANT_UNRESOLVED', 'The request names two tenants; it must name one.');
      }
    }
    return agreed;
  };
}

function same(one: Identifier, other: Identifier): boolean {
  return 'id' in one ? 'id' in other && one.id === other.id : 'domain' in other && one.domain === other.domain;
}
