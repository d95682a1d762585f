import { outside } from './context.ts';
import { isTenancyError, TenancyError } from './errors.ts';
import type { Tenant } from './models/tenant.ts';
import type { TenantLeases } from './stores/leases.ts';
import type { TenantNames, TenantStore } from './stores/store.ts';

/**
 * The store, with every error that is not a `TenancyError` mapped to STORE_UNAVAILABLE. It is called outside all scopes,
 * because one lookup may serve several of them.
 */
export function guardedStore<T extends Tenant>(store: TenantStore<T>): TenantStore<T> {
  const { existing, changes, leases } = store;
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
    insert: (tenant, domains) => guarded(() => store.insert(tenant, domains)),
    update: (id, change, from, fence) => guarded(() => store.update(id, change, from, fence)),
    delete: (id, fence) => guarded(() => store.delete(id, fence)),
    domains: (id) => guarded(() => store.domains(id)),
    addDomain: (domain) => guarded(() => store.addDomain(domain)),
    removeDomain: (tenantId, host) => guarded(() => store.removeDomain(tenantId, host)),
    ...(existing && { existing: (names: TenantNames) => guarded(() => existing.call(store, names)) }),
    ...(changes && { changes: (since?: number) => guarded(() => changes.call(store, since)) }),
    ...(leases && { leases: guardedLeases(leases) }),
  };
}

function guardedLeases(leases: TenantLeases): TenantLeases {
  return {
    take: (id, lease, termMs) => guarded(() => leases.take(id, lease, termMs)),
    renew: (id, holder, termMs) => guarded(() => leases.renew(id, holder, termMs)),
    release: (id, holder) => guarded(() => leases.release(id, holder)),
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
