import { warningOf } from '../observability/health.ts';
import type { HealthProbe, HealthWarning } from '../resource.ts';
import type { DomainClaims } from '../stores/domain-claims.ts';

/** More than that are not counted. */
const counted = 100;

/** Whether domains that were proved are not any more. It names no domain, as each is a tenant's. */
export function domainProbe(claims: DomainClaims): HealthProbe {
  async function check(): Promise<HealthWarning | undefined> {
    const failing = await claims.page({ state: 'failing', limit: counted });
    if (failing.length === 0) return undefined;
    const count = failing.length === counted ? `at least ${counted}` : failing.length;
    return warningOf(
      `Proved domains without their DNS record: ${count}. List them with domains.claims({ state: 'failing' }).`,
      failing.map(({ tenantId }) => tenantId),
    );
  }
  return { name: 'domains', check };
}
