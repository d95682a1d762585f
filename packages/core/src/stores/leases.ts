/** The holder of the right to change a tenant, and the purpose. */
export interface TenantLease {
  /** The one call that has the lease; no two calls have the same. */
  readonly holder: string;
  /** What it does, such as `remove`. */
  readonly verb: string;
}

/**
 * The leases of tenants' ids, by which the verbs of one tenant exclude each other across processes. A lease expires, so a killed process
 * blocks others only until then.
 */
export interface TenantLeases {
  /** Takes the lease of an id for a time, unless another holder has it. Returns the lease that is in force. */
  take(id: string, lease: TenantLease, termMs: number): Promise<TenantLease>;
  /** Extends a lease. Returns whether the holder still has it: one that was taken over never comes back. */
  renew(id: string, holder: string, termMs: number): Promise<boolean>;
  /** Gives a lease back; does nothing if the holder does not have it. */
  release(id: string, holder: string): Promise<void>;
}
