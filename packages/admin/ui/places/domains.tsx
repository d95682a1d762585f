import type { Permission } from '../../src/operator.ts';
import type { ClaimList, DomainClaim } from '../../src/schemas/domain.ts';
import type { TenantDetail } from '../../src/schemas/tenant.ts';
import { apiUrl, useGet } from '../api.ts';
import { Copyable } from '../parts/copyable.tsx';
import { ask, type Question } from '../parts/dialog.tsx';
import { Panel } from '../parts/states.tsx';
import { claimDomain, newDomain, problems, releaseDomain, removeDomain, verifyDomain } from '../questions.ts';

/** The hosts of a tenant, and those that it has claimed and not proved. */
export function Domains({ tenant, may }: { tenant: TenantDetail; may: readonly Permission[] }) {
  const { enabled, claims } = useGet<ClaimList>(apiUrl('domain-claims', { tenant: tenant.id, limit: '200' }), 15_000)
    .value ?? { enabled: false, claims: [] };
  const own = tenant.domains.map(({ host }) => host);
  const claimOf = (host: string) => claims.find((claim) => claim.host === host);
  const unproved = claims.filter(({ host }) => !own.includes(host));
  const act = (label: string, question: Question) =>
    may.includes('operate') && (
      <button type="button" onClick={() => ask(question)}>
        {label}
      </button>
    );
  return (
    <Panel
      title="Domains"
      aside={
        <p class="actions">
          {enabled && act('Claim', claimDomain(tenant))}
          {act('Add', newDomain(tenant))}
        </p>
      }
    >
      {own.length + unproved.length === 0 && <p class="quiet empty">No host of its own leads to this tenant.</p>}
      <ul class="rows">
        {tenant.domains.map((domain) => (
          <Host key={domain.host} {...domain} claim={claimOf(domain.host)} tenant={tenant} may={may} />
        ))}
        {unproved.map((claim) => (
          <Host key={claim.host} {...claim} claim={claim} tenant={tenant} may={may} />
        ))}
      </ul>
    </Panel>
  );
}

interface Shown {
  readonly host: string;
  readonly primary: boolean;
  readonly claim: DomainClaim | undefined;
  readonly tenant: TenantDetail;
  readonly may: readonly Permission[];
}

/** A host. What it is proved by is shown until it is, and when it is not any more. */
function Host({ host, primary, claim, tenant, may }: Shown) {
  const isProved = claim === undefined || claim.state === 'verified';
  const isPending = claim?.state === 'pending';
  const act = (label: string, question: Question) => (
    <button type="button" class="plain" aria-label={`${label} ${host}`} onClick={() => ask(question)}>
      {label}
    </button>
  );
  return (
    <li>
      <span class="mono">{host}</span> {primary && <span class="tag">primary</span>}
      {!isProved && <span class={`tag ${isPending ? 'warn' : 'bad'}`}>{claim.state}</span>}
      {may.includes('operate') && (
        <span class="actions end">
          {!isProved && act('Verify', verifyDomain(tenant, host))}
          {isPending ? act('Release', releaseDomain(tenant, host)) : act('Remove', removeDomain(tenant, host))}
        </span>
      )}
      {!isProved && <Record {...claim} />}
    </li>
  );
}

function Record({ record, problem }: DomainClaim) {
  return (
    <div class="record">
      <p class="quiet">{problem && `${problems[problem]} `}The owner of the domain publishes:</p>
      {Object.entries(record).map(([name, text]) => (
        <Copyable key={name} label={name} text={text} />
      ))}
    </div>
  );
}
