import { hostFromHeader, isDomain } from '../models/domain.ts';
import type { TenantResolver } from './resolver.ts';

/** Resolves a tenant by its own domain; removes `www.` unless `stripWww` is false, so register domains without it. */
export function fromDomain({ stripWww = true }: { readonly stripWww?: boolean } = {}): TenantResolver {
  return (request) => {
    const host = hostFromHeader(request.host);
    if (host === undefined || !isDomain(host)) return undefined;
    const bare = host.slice('www.'.length);
    return { domain: stripWww && host.startsWith('www.') && isDomain(bare) ? bare : host };
  };
}
