/** How the verbs of one tenant exclude each other. */
export interface VerbOptions {
  /** Milliseconds after which another process may take over from one that was killed. Default 5 000. */
  readonly leaseMs?: number;
  /** Milliseconds that a verb waits for another process to be done with the tenant. Default 15 000. */
  readonly waitMs?: number;
}

/** Defaults of the verbs' options. */
export const verbDefaults: Required<VerbOptions> = { leaseMs: 5_000, waitMs: 15_000 };
