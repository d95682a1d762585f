import * as v from 'valibot';
import { numberIn } from './tenant.ts';

/** The migrations of this code, and how many tenants have which. */
export const MigrationStatus = v.object({
  /** In order. */
  names: v.array(v.string()),
  versions: v.array(
    v.object({
      /** The last migration applied: `none` before the first, `unknown` if central does not know. */
      version: v.string(),
      tenants: v.number(),
      /** How many migrations of this code are pending, null where that is not known. */
      pending: v.nullable(v.number()),
    }),
  ),
  central: v.object({ applied: v.array(v.string()), pending: v.array(v.string()) }),
});

const step = numberIn(1, 1000);

export const PlanQuery = v.strictObject({
  direction: v.optional(v.picklist(['up', 'down']), 'up'),
  /** The last migration to apply, or for `down` the last one to keep; 0 reverts all. */
  to: v.optional(v.string()),
  step: v.optional(step),
  /** Ids and patterns, separated by commas. */
  tenants: v.optional(v.string()),
});

export const MigrationPlan = v.object({
  steps: v.array(
    v.object({
      pending: v.nullable(v.array(v.string())),
      tenants: v.number(),
      examples: v.array(v.string()),
    }),
  ),
  migrations: v.array(
    v.object({
      name: v.string(),
      /** Null if it runs code. */
      sql: v.nullable(v.array(v.string())),
      transactional: v.boolean(),
      warnings: v.array(v.object({ kind: v.string(), message: v.string(), statement: v.nullable(v.string()) })),
    }),
  ),
});

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));
const Patterns = v.array(v.string());

/** What to migrate, and how carefully. `{}` applies all pending migrations in every tenant. */
export const MigrationRun = v.strictObject({
  to: v.optional(v.string()),
  step: v.optional(Count),
  tenants: v.optional(Patterns),
  skip: v.optional(Patterns),
  canary: v.optional(v.union([Count, Patterns])),
  concurrency: v.optional(v.pipe(Count, v.minValue(1), v.maxValue(100))),
  maxFailures: v.optional(Count),
  groups: v.optional(
    v.array(
      v.strictObject({
        tenants: v.optional(Patterns),
        concurrency: v.optional(v.pipe(Count, v.minValue(1), v.maxValue(100))),
        maxFailures: v.optional(Count),
        pauseMs: v.optional(Count),
      }),
    ),
  ),
  reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
});

/** `to` is the last migration to keep. A rollback has to be confirmed with `down`. */
export const Rollback = v.strictObject({ ...MigrationRun.entries, confirm: v.literal('down') });

export const FleetVerification = v.strictObject({
  tenants: v.optional(Patterns),
  fix: v.optional(v.boolean(), false),
  reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
});

export type MigrationStatus = v.InferOutput<typeof MigrationStatus>;
export type MigrationPlan = v.InferOutput<typeof MigrationPlan>;
