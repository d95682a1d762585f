import { after } from './after.ts';
import { expectedBy, expecting, type TenantRequest, type TenantResolver } from './resolver.ts';

/** Resolves by the first resolver that finds an identifier. */
export function firstOf(...resolvers: readonly TenantResolver[]): TenantResolver {
  function resolveFrom(position: number, request: TenantRequest): ReturnType<TenantResolver> {
    const resolve = resolvers[position];
    if (resolve === undefined) return undefined;
    return after(resolve(request), (identifier) => identifier ?? resolveFrom(position + 1, request));
  }
  return expecting(expectedBy(resolvers), (request) => resolveFrom(0, request));
}
