/** The changes of a store since a moment, in the order of commits. */
export interface TenantChanges {
  /** The last change that was looked at: what to ask from next time. */
  readonly until: number;
  /** Whether all changes are known. If not, as after a long silence, anything may have changed. */
  readonly complete: boolean;
  readonly changes: readonly TenantRecordChange[];
}

/** One change: of a tenant's record, or of where a host leads. */
export type TenantRecordChange =
  | {
      readonly kind: 'changed';
      readonly tenant: string;
      /** The `updatedAt` that the record has since, in milliseconds: who has read it already need not read it again. */
      readonly updatedAt?: number | undefined;
    }
  | { readonly kind: 'removed'; readonly tenant: string }
  | { readonly kind: 'domain'; readonly host: string };
