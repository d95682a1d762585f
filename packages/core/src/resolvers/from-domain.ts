import { hostFromHeader, isDomain } from '../models/domain.ts';
import { expecting, type TenantResolver } from './resolver.ts';

/** Resolves a tenant by its own domain. A host with `www.` resolves to the domain without it, unless a tenant has the domain with `www.` or `stripWww` is false. */
export function fromDomain({ stripWww = true }: { readonly stripWww?: boolean } = {}): TenantResolver {
  return expecting("a tenant's domain as its host", (request) => {
    const host = hostFromHeader(request.host);
    if (host === undefined || !isDomain(host)) return undefined;
    const bare = host.slice('www.'.length);
    return stripWww && host.startsWith('www.') && isDomain(bare) ? { domain: bare, exact: host } : { domain: host };
  });
}
