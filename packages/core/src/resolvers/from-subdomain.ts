import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';
import { hostFromHeader, normalHost } from '../models/domain.ts';
import { expecting, type TenantResolver } from './resolver.ts';

/**
 * Resolves a tenant by the single label before a base host: `acme` in `acme.app.com`, but not `www`.
 * @throws CONFIG_INVALID if a base is not a host name.
 */
export function fromSubdomain(base: string | readonly string[]): TenantResolver {
  const suffixes = [base].flat().map(suffixOf);
  if (suffixes.length === 0)
    throw new TenancyError('CONFIG_INVALID', 'fromSubdomain() requires at least one base host.');
  const bases = suffixes.map((suffix) => quoted(suffix.slice(1)));
  return expecting(`a subdomain of ${bases.join(' or ')}`, (request) => {
    const host = hostFromHeader(request.host);
    const suffix = suffixes.find((candidate) => host?.endsWith(candidate));
    if (host === undefined || suffix === undefined) return undefined;
    const label = host.slice(0, -suffix.length);
    return label === 'www' || label.includes('.') ? undefined : { id: label };
  });
}

function suffixOf(base: string): string {
  const host = typeof base === 'string' ? normalHost(base) : undefined;
  if (host !== undefined && !/^[\d.]+$|^\[/.test(host)) return `.${host}`;
  throw new TenancyError('CONFIG_INVALID', `fromSubdomain(${quoted(base)}) requires a host name such as "app.com".`);
}
