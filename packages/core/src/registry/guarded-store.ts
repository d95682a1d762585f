import { isTenancyError, TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { outside } from '../scope/context.ts';
import type { TenantAudit } from '../stores/audit.ts';
import type { DomainClaims } from '../stores/domain-claims.ts';
import type { TenantLeases } from '../stores/leases.ts';
import type { TenantOperations } from '../stores/operations.ts';
import type { TenantSearch } from '../stores/search.ts';
import type { TenantNames, TenantStore } from '../stores/store.ts';
import type { UsageBatch, UsageFilter } from '../stores/usage.ts';

/**
 * The store, with every error that is not a `TenancyError` mapped to STORE_UNAVAILABLE. It is called outside all scopes,
 * because one lookup may serve several of them.
 */
export function guardedStore<T extends Tenant>(store: TenantStore<T>): TenantStore<T> {
  const { existing, changes, leases, search, hiddenColumns, audit, operations, usage } = store;
  const { redemptions, domainClaims } = store;
  return {
    find: (id) => guarded(() => store.find(id)),
    findByDomain: (host) => guarded(() => store.findByDomain(host)),
    async *all(filter) {
      const tenants = outside(() => store.all(filter)[Symbol.asyncIterator]());
      try {
        while (true) {
          const next = await guarded(() => tenants.next());
          if (next.done) return;
          yield next.value;
        }
      } finally {
        await guarded(async () => tenants.return?.());
      }
    },
    insert: (tenant, domains, terms) => guarded(() => store.insert(tenant, domains, terms)),
    update: (id, change, from, fence) => guarded(() => store.update(id, change, from, fence)),
    delete: (id, fence) => guarded(() => store.delete(id, fence)),
    domains: (id) => guarded(() => store.domains(id)),
    addDomain: (domain, terms) => guarded(() => store.addDomain(domain, terms)),
    removeDomain: (tenantId, host) => guarded(() => store.removeDomain(tenantId, host)),
    ...(existing && { existing: (names: TenantNames) => guarded(() => existing.call(store, names)) }),
    ...(changes && { changes: (since?: number) => guarded(() => changes.call(store, since)) }),
    ...(leases && { leases: guardedLeases(leases) }),
    ...(search && { search: guardedSearch(search) }),
    ...(hiddenColumns && { hiddenColumns }),
    ...(audit && { audit: guardedAudit(audit) }),
    ...(operations && { operations: guardedOperations(operations) }),
    ...(redemptions && {
      redemptions: { redeem: (id: string, expiresAt: Date) => guarded(() => redemptions.redeem(id, expiresAt)) },
    }),
    ...(domainClaims && { domainClaims: guardedClaims(domainClaims) }),
    ...(usage && {
      usage: {
        add: (batch: UsageBatch) => guarded(() => usage.add(batch)),
        read: (filter: UsageFilter) => guarded(() => usage.read(filter)),
        days: (filter: UsageFilter) => guarded(() => usage.days(filter)),
      },
    }),
  };
}

function guardedLeases(leases: TenantLeases): TenantLeases {
  return {
    take: (id, lease, termMs) => guarded(() => leases.take(id, lease, termMs)),
    renew: (id, holder, termMs) => guarded(() => leases.renew(id, holder, termMs)),
    release: (id, holder) => guarded(() => leases.release(id, holder)),
  };
}

function guardedSearch<T extends Tenant>(search: TenantSearch<T>): TenantSearch<T> {
  return {
    page: (query) => guarded(() => search.page(query)),
    counts: () => guarded(() => search.counts()),
  };
}

function guardedAudit(audit: TenantAudit): TenantAudit {
  return {
    append: (entry) => guarded(() => audit.append(entry)),
    page: (query) => guarded(() => audit.page(query)),
  };
}

function guardedClaims(claims: DomainClaims): DomainClaims {
  return {
    add: (claim, unusedSince) => guarded(() => claims.add(claim, unusedSince)),
    find: (tenantId, host) => guarded(() => claims.find(tenantId, host)),
    page: (query) => guarded(() => claims.page(query)),
    check: (claim, found) => guarded(() => claims.check(claim, found)),
    remove: (tenantId, host) => guarded(() => claims.remove(tenantId, host)),
    forget: (host) => guarded(() => claims.forget(host)),
  };
}

function guardedOperations(operations: TenantOperations): TenantOperations {
  return {
    begin: (draft, termMs) => guarded(() => operations.begin(draft, termMs)),
    renew: (id, holder, termMs, progress) => guarded(() => operations.renew(id, holder, termMs, progress)),
    end: (id, holder, outcome) => guarded(() => operations.end(id, holder, outcome)),
    find: (id) => guarded(() => operations.find(id)),
    page: (query) => guarded(() => operations.page(query)),
    forget: (endedForMs, limit) => guarded(() => operations.forget(endedForMs, limit)),
  };
}

async function guarded<R>(call: () => Promise<R>): Promise<R> {
  try {
    return await outside(call);
  } catch (cause) {
    if (isTenancyError(cause)) throw cause;
    const message = 'The tenant store does not answer. See the cause.';
    throw new TenancyError('STORE_UNAVAILABLE', message, { cause });
  }
}
