import { fromDomain } from './from-domain.ts';
import { expecting, type TenantResolver } from './resolver.ts';

/**
 * Resolves by the host of the header `Origin`, for an API with one host that pages of many hosts call. Browsers set the header
 * truthfully, and other clients as they like. `byHost` reads the tenant of that host; the default is `fromDomain()`.
 * @example
 * const resolver = fromOrigin(fromSubdomain('app.com'));
 */
export function fromOrigin(byHost: TenantResolver = fromDomain()): TenantResolver {
  return expecting(byHost.expects && `in the header Origin, ${byHost.expects}`, (request) => {
    const origin = URL.parse(request.header('origin') ?? '');
    return origin === null || origin.host === '' ? undefined : byHost({ ...request, host: origin.host });
  });
}
