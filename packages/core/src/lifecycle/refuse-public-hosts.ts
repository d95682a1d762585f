import { TenancyError } from '../errors.ts';
import type { Domain } from '../models/domain.ts';

/** @throws DOMAIN_TAKEN if one of the domains is a public host of the application. */
export function refusePublicHosts(domains: readonly Domain[], publicHosts: ReadonlySet<string>): void {
  const taken = domains.find(({ host }) => publicHosts.has(host));
  if (taken === undefined) return;
  const message = `The domain "${taken.host}" is a public host of the application; choose another.`;
  throw new TenancyError('DOMAIN_TAKEN', message, { tenant: taken.tenantId });
}
