import type { HealthProbe } from '../resource.ts';
import type { DomainClaims } from '../stores/domain-claims.ts';

/** More than that are not counted. */
const counted = 100;

/** Whether domains that were proved are not any more. It names none, as each is a tenant's. */
export function domainProbe(claims: DomainClaims): HealthProbe {
  async function check(): Promise<string | undefined> {
    const { length } = await claims.page({ state: 'failing', limit: counted });
    if (length === 0) return undefined;
    const count = length === counted ? `at least ${counted}` : length;
    return `Proved domains without their DNS record: ${count}. List them with domains.claims({ state: 'failing' }).`;
  }
  return { name: 'domains', check };
}
