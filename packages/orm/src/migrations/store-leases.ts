import { incarnationOf, type TenantStore } from '@omnitenant/core/extend';
import type { RunLeases } from '../central/run-leases.ts';
import { migratable } from './ledger.ts';

/** The leases of a run, of any store; a store without leases belongs to one process, whose runs take turns by themselves. */
export function storeLeases(store: TenantStore): RunLeases {
  const { leases } = store;
  const held = new Map<string, Set<string>>();

  function heldBy(holder: string): Set<string> {
    const ids = held.get(holder) ?? new Set();
    held.set(holder, ids);
    return ids;
  }

  return {
    async take(holder, tenants, termMs) {
      const found = new Map<string, 'held' | 'gone' | 'locked'>();
      for (const tenant of tenants) {
        const lease = await leases?.take(tenant.id, { holder, verb: 'migrate' }, termMs);
        if (lease !== undefined && lease.holder !== holder) continue;
        heldBy(holder).add(tenant.id);
        const now = await store.find(tenant.id);
        const isThere =
          now !== undefined && incarnationOf(now) === incarnationOf(tenant) && migratable.includes(now.status);
        found.set(tenant.id, isThere ? 'held' : 'gone');
      }
      return found;
    },

    async renew(holder, termMs) {
      for (const id of [...heldBy(holder)]) {
        if ((await leases?.renew(id, holder, termMs)) === false) heldBy(holder).delete(id);
      }
      return [...heldBy(holder)];
    },

    async release(holder, ids) {
      for (const id of ids) {
        heldBy(holder).delete(id);
        await leases?.release(id, holder);
      }
      if (heldBy(holder).size === 0) held.delete(holder);
    },
  };
}
