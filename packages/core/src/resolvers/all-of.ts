import { TenancyError } from '../errors.ts';
import type { Identifier, TenantResolver } from './resolver.ts';

/**
 * Resolves by every resolver that finds an identifier, and refuses a request that is for two: a token of one tenant that is
 * presented at the host of another.
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
        throw new TenancyError('TENANT_UNRESOLVED', 'The request names two tenants; it must be for one.');
      }
    }
    return agreed;
  };
}

function same(one: Identifier, other: Identifier): boolean {
  return 'id' in one ? 'id' in other && one.id === other.id : 'domain' in other && one.domain === other.domain;
}
