import { TenancyError } from '../errors.ts';
import { hostFromHeader, normalHost } from '../models/domain.ts';
import { quoted } from '../models/quoted.ts';
import type { TenantResolver } from './resolver.ts';

/**
 * Resolves a tenant by the one label left of a base host: `acme` in `acme.app.com`; `www` is none.
 * @throws CONFIG_INVALID for a base that is no host name.
 */
export function fromSubdomain(base: string | readonly string[]): TenantResolver {
  const suffixes = [base].flat().map(suffixOf);
  if (suffixes.length === 0) throw new TenancyError('CONFIG_INVALID', 'fromSubdomain() needs at least one base host.');
  return (request) => {
    const host = hostFromHeader(request.host);
    const suffix = suffixes.find((candidate) => host?.endsWith(candidate));
    if (host === undefined || suffix === undefined) return undefined;
    const label = host.slice(0, -suffix.length);
    return label === 'www' || label.includes('.') ? undefined : { id: label };
  };
}

function suffixOf(base: string): string {
  const host = typeof base === 'string' ? normalHost(base) : undefined;
  if (host !== undefined && !/^[\d.]+$|^\[/.test(host)) return `.${host}`;
  throw new TenancyError('CONFIG_INVALID', `fromSubdomain(${quoted(base)}) needs a host name such as "app.com".`);
}
