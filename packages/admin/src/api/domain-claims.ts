import type { DomainClaim as Claim, TenantDomains } from '@omnitenant/core';
import { ProblemError } from '../problem.ts';
import type { DomainClaim } from '../schemas/domain.ts';
import type { ApiParts, Handlers } from './handlers.ts';

type Names = 'domainClaims' | 'claimDomain' | 'verifyDomain' | 'releaseDomain';

/** Domains that tenants prove by DNS. */
export function domainClaimHandlers({ tenancy }: ApiParts): Handlers<Names> {
  /** Acts as the operator. */
  function act<R>(
    { id: actor }: { readonly id: string },
    { reason }: { readonly reason?: string | undefined },
    verb: (domains: TenantDomains) => Promise<R>,
  ): Promise<R> {
    const { domains } = tenancy;
    if (!domains.enabled) throw claimsMissing();
    return tenancy.as({ actor, ...(reason && { reason }) }, () => verb(domains));
  }

  return {
    async domainClaims({ query: { limit, ...filter } }) {
      const { enabled } = tenancy.domains;
      const claims: DomainClaim[] = [];
      if (!enabled) return { enabled, claims };
      for await (const claim of tenancy.domains.claims(filter)) {
        claims.push(viewOf(claim));
        if (claims.length === limit) break;
      }
      return { enabled, claims };
    },

    claimDomain: async ({ params: { id = '' }, operator, body: { host, primary, ...body } }) =>
      viewOf(await act(operator, body, (domains) => domains.claim(id, host, { primary }))),

    verifyDomain: async ({ params: { id = '', host = '' }, operator, body }) =>
      viewOf(await act(operator, body, (domains) => domains.verify(id, host))),

    releaseDomain: async ({ params: { id = '', host = '' }, operator, query }) => ({
      released: await act(operator, query, (domains) => domains.release(id, host)),
    }),
  };
}

function viewOf({ record, problem, claimedAt, checkedAt, verifiedAt, ...claim }: Claim): DomainClaim {
  return {
    ...claim,
    record: { ...record },
    problem: problem ?? null,
    claimedAt: claimedAt.toISOString(),
    checkedAt: checkedAt?.toISOString() ?? null,
    verifiedAt: verifiedAt?.toISOString() ?? null,
  };
}

function claimsMissing(): ProblemError {
  const message = 'The application does not have domains proved; give createTenancy the option "domains".';
  return new ProblemError('CLAIMS_MISSING', message);
}
