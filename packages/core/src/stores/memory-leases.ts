import type { TenantLease, TenantLeases } from './leases.ts';

/** Leases in this process, for the stores of tests. */
export function memoryLeases(): TenantLeases & { holderOf(id: string): string | undefined } {
  const leases = new Map<string, TenantLease & { readonly endsAt: number }>();

  return {
    async take(id, lease, termMs) {
      const inForce = leases.get(id);
      if (inForce !== undefined && inForce.endsAt > performance.now()) return inForce;
      leases.set(id, { ...lease, endsAt: performance.now() + termMs });
      return lease;
    },

    async renew(id, holder, termMs) {
      const inForce = leases.get(id);
      if (inForce?.holder !== holder) return false;
      leases.set(id, { ...inForce, endsAt: performance.now() + termMs });
      return true;
    },

    async release(id, holder) {
      if (leases.get(id)?.holder === holder) leases.delete(id);
    },

    holderOf: (id) => leases.get(id)?.holder,
  };
}
