import * as v from 'valibot';

/** A tenant's id, as a path or a body names it. The registry checks it. */
const TenantId = v.pipe(v.string(), v.minLength(1), v.maxLength(48), v.title('TenantId'));

const TenantStatus = v.picklist([
  'provisioning',
  'active',
  'suspended',
  'maintenance',
  'archived',
  'removing',
  'failed',
]);

const Timestamp = v.pipe(v.string(), v.isoTimestamp());

/** A time with an offset in hours and minutes, of a year that JavaScript and PostgreSQL write alike. */
export const GivenTime = v.pipe(Timestamp, v.regex(/^(?!000|9999).*(?:Z|[+-]\d\d:?\d\d)$/));

const TenantDomain = v.object({ host: v.string(), primary: v.boolean() });

/** A tenant in a list. It holds no connection URL and no key. */
export const TenantSummary = v.object({
  id: v.string(),
  name: v.string(),
  status: TenantStatus,
  isolation: v.string(),
  placement: v.object({
    server: v.optional(v.string()),
    database: v.optional(v.string()),
    schema: v.optional(v.string()),
  }),
  /** The last migration applied, as central has recorded it: `none` before the first, null if central does not know. */
  version: v.nullable(v.string()),
  retainUntil: v.nullable(Timestamp),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  /** The version of the record, for `If-Match`. */
  etag: v.string(),
});

/** One tenant, with its domains, its config and the application's own columns. Values whose names say secret are `***`. */
export const TenantDetail = v.object({
  ...TenantSummary.entries,
  domains: v.array(TenantDomain),
  config: v.record(v.string(), v.unknown()),
  columns: v.record(v.string(), v.unknown()),
});

const Cursor = v.pipe(v.string(), v.maxLength(400));

/** A number in a query string, which is always text. */
export function numberIn(least: number, most: number) {
  return v.pipe(v.string(), v.regex(/^\d{1,6}$/), v.transform(Number), v.minValue(least), v.maxValue(most));
}

export const pageQuery = {
  /** Where the page before has ended: its `next`. */
  after: v.optional(Cursor),
  limit: v.optional(numberIn(1, 200), '50'),
};

export const TenantQuery = v.strictObject({
  ...pageQuery,
  /** Part of an id, a name or a host. */
  search: v.optional(v.pipe(v.string(), v.maxLength(100))),
  status: v.optional(TenantStatus),
  isolation: v.optional(v.string()),
  server: v.optional(v.string()),
  /** The last migration applied, or `none`. */
  version: v.optional(v.string()),
});

export const TenantPage = v.object({ tenants: v.array(TenantSummary), next: v.nullable(v.string()) });

const Reason = v.optional(v.pipe(v.string(), v.maxLength(500)));

/** A body that says no more than why, for the audit. */
export const WithReason = v.strictObject({ reason: Reason });

/** A body that confirms by the tenant's id, typed again. */
export const Confirmed = v.strictObject({ reason: Reason, confirm: v.string() });

const target = {
  isolation: v.optional(v.string()),
  placement: v.optional(
    v.strictObject({
      server: v.exactOptional(v.string()),
      database: v.exactOptional(v.string()),
      schema: v.exactOptional(v.string()),
    }),
  ),
};

export const NewTenant = v.strictObject({
  id: TenantId,
  name: v.optional(v.string()),
  ...target,
  config: v.optional(v.record(v.string(), v.unknown())),
  domains: v.optional(v.array(v.union([v.string(), v.strictObject({ host: v.string(), primary: v.boolean() })]))),
  columns: v.optional(v.record(v.string(), v.unknown())),
  reason: Reason,
});

/** `at` is the last migration that the storage has. It is confirmed by the id of the new tenant, which gets the data to see. */
export const Adoption = v.strictObject({ ...NewTenant.entries, at: v.optional(v.string()), confirm: v.string() });

/** The name of an archive where the application keeps them; no path. */
const ArchiveName = v.pipe(v.string(), v.regex(/^\w[\w.-]{0,199}$/));

/** It is confirmed by the id of the new tenant. */
export const Import = v.strictObject({
  id: TenantId,
  archive: ArchiveName,
  ...target,
  reason: Reason,
  confirm: v.string(),
});

/** The archive whose data replaces that of the tenant, by whose id it is confirmed. */
export const Restoration = v.strictObject({ ...Confirmed.entries, archive: ArchiveName });

/**
 * Where to move to. What is left out stays as it is; with nothing, a move goes on that was cut short. `online` says whether writes go on while
 * rows are copied: `auto` where that is possible, `required` or the move is refused, `never`.
 */
export const Move = v.strictObject({
  ...target,
  online: v.optional(v.picklist(['auto', 'required', 'never'])),
  reason: Reason,
});

/** A merge patch (RFC 7396) of the config; a null removes a setting. */
export const TenantPatch = v.strictObject({
  name: v.optional(v.string()),
  config: v.optional(v.record(v.string(), v.unknown())),
  columns: v.optional(v.record(v.string(), v.unknown())),
  reason: Reason,
});

export const NewDomain = v.strictObject({ host: v.string(), primary: v.optional(v.boolean(), false), reason: Reason });

export const Archival = v.strictObject({ retainUntil: v.optional(v.nullable(GivenTime)), reason: Reason });

export const Verification = v.strictObject({ fix: v.optional(v.boolean(), false), reason: Reason });

export type TenantSummary = v.InferOutput<typeof TenantSummary>;
export type TenantDetail = v.InferOutput<typeof TenantDetail>;
