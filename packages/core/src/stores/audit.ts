/** How a call of a verb stands: begun, or how it has ended. */
export type AuditOutcome = 'began' | 'done' | 'failed' | 'vetoed';

/** An entry of the audit before it is recorded. It contains no credential. */
export interface AuditDraft {
  /** What was done, such as `suspend`. */
  readonly verb: string;
  /** The tenant concerned; `undefined` for the fleet. */
  readonly tenant?: string | undefined;
  /** Who did it, and why, as far as that is known. */
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  /** The same for all entries of one call. */
  readonly call: string;
  readonly outcome: AuditOutcome;
  /** What it was before, and what it is since; plain JSON. */
  readonly before?: unknown;
  readonly after?: unknown;
  readonly error?: { readonly code?: string | undefined; readonly message: string } | undefined;
}

/** One entry of the audit. */
export interface AuditEntry extends AuditDraft {
  /** A decimal number; later entries have larger ones. */
  readonly id: string;
  readonly at: Date;
}

/** Which entries a page has. */
export interface AuditQuery {
  readonly tenant?: string | undefined;
  /** Leaves out older entries. */
  readonly since?: Date | undefined;
  /** The id of the entry after which the page begins. */
  readonly after?: string | undefined;
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
}

/** The audit of all changes of tenants. Entries are added, and never changed or removed. */
export interface TenantAudit {
  append(entry: AuditDraft): Promise<void>;
  page(query: AuditQuery): Promise<readonly AuditEntry[]>;
}
