import * as v from 'valibot';

const Counts = v.record(v.string(), v.number());

/** How many tenants there are, by what tells them apart. */
export const FleetSummary = v.object({
  total: v.number(),
  status: Counts,
  isolation: Counts,
  server: Counts,
  /** By the last migration applied: `none` before the first, `unknown` if central does not know. */
  version: Counts,
  /** The last migration of this code, null if it has none. */
  latest: v.nullable(v.string()),
  /** Tenants with complete storage whose last migration is known, and another. */
  behind: v.number(),
});

export const HealthReport = v.object({
  live: v.boolean(),
  ready: v.boolean(),
  checks: v.array(
    v.object({
      name: v.string(),
      status: v.picklist(['ok', 'warning', 'failed']),
      ms: v.number(),
      reason: v.nullable(v.string()),
    }),
  ),
});

/** What this process counts since it was started. */
export const Stats = v.object({
  scopes: v.object({ open: v.number(), entered: v.number() }),
  lookups: Counts,
});

/** The connections of this process, by the name of the server. Tenants' own servers are one entry, `own`. */
export const Connections = v.object({
  /** The process that answers, by its host and number. */
  process: v.string(),
  servers: v.record(
    v.string(),
    v.object({
      max: v.number(),
      open: v.number(),
      inUse: v.number(),
      idle: v.number(),
      waiting: v.number(),
      heldBack: v.number(),
      opened: v.number(),
      closed: v.number(),
      waited: v.number(),
      waitedMs: v.number(),
      refused: v.number(),
      shareExhausted: v.number(),
    }),
  ),
});

export const OperatorView = v.object({
  id: v.string(),
  permissions: v.array(v.picklist(['read', 'operate', 'destroy'])),
});

export type FleetSummary = v.InferOutput<typeof FleetSummary>;
export type HealthReport = v.InferOutput<typeof HealthReport>;
export type Connections = v.InferOutput<typeof Connections>;
export type OperatorView = v.InferOutput<typeof OperatorView>;
