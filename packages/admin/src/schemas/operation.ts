import * as v from 'valibot';
import { pageQuery } from './tenant.ts';

/** A long verb, as central has recorded it. */
export const Operation = v.object({
  id: v.string(),
  verb: v.string(),
  /** The tenant concerned, null for the fleet. */
  tenant: v.nullable(v.string()),
  status: v.picklist(['running', 'succeeded', 'failed']),
  /** The operator who began it. */
  actor: v.string(),
  reason: v.nullable(v.string()),
  progress: v.nullable(v.object({ done: v.number(), total: v.number(), failed: v.number() })),
  /** What it has given, such as a report; null while it runs. */
  result: v.unknown(),
  error: v.nullable(v.object({ code: v.string(), message: v.string() })),
  startedAt: v.string(),
  endedAt: v.nullable(v.string()),
});

export const OperationQuery = v.strictObject({ ...pageQuery, tenant: v.optional(v.string()) });

/** Newest first. */
export const OperationPage = v.object({ operations: v.array(Operation), next: v.nullable(v.string()) });

export type Operation = v.InferOutput<typeof Operation>;
