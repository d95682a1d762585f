import type { TenantResolver } from './resolver.ts';

/** Resolves by the first resolver that finds an identifier. */
export function firstOf(...resolvers: readonly TenantResolver[]): TenantResolver {
  return (request) => {
    for (const resolve of resolvers) {
      const identifier = resolve(request);
      if (identifier !== undefined) return identifier;
    }
    return undefined;
  };
}
