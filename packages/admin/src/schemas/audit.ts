import * as v from 'valibot';
import { GivenTime, pageQuery } from './tenant.ts';

/** One entry of the audit. A verb has two: `began`, and how it ended. */
export const AuditEntry = v.object({
  /** Ascending; a decimal number as text. */
  id: v.string(),
  at: v.string(),
  verb: v.string(),
  tenant: v.nullable(v.string()),
  actor: v.nullable(v.string()),
  reason: v.nullable(v.string()),
  /** The same for all entries of one call. */
  call: v.string(),
  outcome: v.picklist(['began', 'done', 'failed', 'vetoed']),
  /** The record of the tenant before and after, without credentials. */
  before: v.unknown(),
  after: v.unknown(),
  error: v.nullable(v.object({ code: v.nullable(v.string()), message: v.string() })),
});

export const AuditQuery = v.strictObject({
  ...pageQuery,
  after: v.optional(v.pipe(v.string(), v.regex(/^\d{1,18}$/))),
  tenant: v.optional(v.string()),
  since: v.optional(GivenTime),
});

/** Newest first. */
export const AuditPage = v.object({ entries: v.array(AuditEntry), next: v.nullable(v.string()) });

export const AuditExportQuery = v.strictObject({
  tenant: v.optional(v.string()),
  since: v.optional(GivenTime),
});

export type AuditEntry = v.InferOutput<typeof AuditEntry>;
