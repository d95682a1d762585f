/** Who may change a tenant now, and what for. */
export interface TenantLease {
  /** The one call that has the lease; no two calls have the same. */
  readonly holder: string;
  /** What it does, such as `remove`. */
  readonly verb: string;
}

/**
 * The leases of tenants' ids, by which the verbs of one tenant exclude each other across processes. A lease ends by itself, so that
 * a process that was killed keeps nobody out for longer.
 */
export interface TenantLeases {
  /** Takes the lease of an id for a time, unless another holder has it. Returns the lease that is in force. */
  take(id: string, lease: TenantLease, termMs: number): Promise<TenantLease>;
  /** Extends a lease. Returns whether the holder still has it: one that was taken over never comes back. */
  renew(id: string, holder: string, termMs: number): Promise<boolean>;
  /** Gives a lease back; does nothing if the holder does not have it. */
  release(id: string, holder: string): Promise<void>;
}
