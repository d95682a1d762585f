import { isTenancyError, TenancyError } from '@omnitenant/core';
import { type OrmTraces, trace } from '../sql/diagnostics.ts';
import { applyInOneMessage, applyInTransaction, applyOutsideTransaction, isTransactional } from './apply-steps.ts';
import { recordedReason, withSummary } from './failure-summary.ts';
import type { MigrationSet } from './migration-set.ts';
import { labelOf, type MigrationContext, type MigrationTarget, tenantOf } from './migration-target.ts';
import type { Operation, Step } from './operation.ts';
import { heldByOther } from './replay.ts';
import { isExhausted, retryWhile } from './retry.ts';
import { inOneLine, StatementFailed } from './statement-failed.ts';

/** What was done in one target, and what is applied there now. */
export interface Migrated {
  readonly steps: readonly Step[];
  readonly applied: readonly string[];
  /** The newest migration of the target, if this code does not have it. */
  readonly ahead?: string | undefined;
}

/** Performs an operation in one target; `known` is what central believes to be applied there. */
export type MigrateTarget = (
  target: MigrationTarget,
  operation: Operation,
  known?: readonly string[],
) => Promise<Migrated>;

/**
 * Performs operations in one target at a time. Each transaction is all or nothing and holds a lock, so that two processes
 * never apply one migration twice. If central is right about what is applied, it takes one message.
 */
export function migrateTargetWith(context: MigrationContext): MigrateTarget {
  /** Tries again while another process migrates the same target. */
  function whenFree<R>(work: () => Promise<R>): Promise<R> {
    return retryWhile(work, (error) => {
      const isHeld = (error as { code?: string }).code === heldByOther;
      return isHeld || (context.waitForConnection === true && isExhausted(error));
    });
  }

  /** Performs the operation in one message if central is right about what is applied; `undefined` where it is not. */
  async function migrateKnown(
    target: MigrationTarget,
    set: MigrationSet,
    operation: Operation,
    known: readonly string[],
  ): Promise<Migrated | undefined> {
    const steps = operation.stepsFrom(known);
    if (steps.length === 0) return { steps, applied: known };
    const applied = await whenFree(() => applyInOneMessage(context, target, set, known, steps));
    return applied && { steps, applied };
  }

  /** Performs the operation transaction by transaction, and adds each step to `done` once it is committed. */
  async function migrateStepwise(
    target: MigrationTarget,
    set: MigrationSet,
    operation: Operation,
    done: Step[],
  ): Promise<Migrated> {
    for (;;) {
      const { applied, steps, next, ahead } = await whenFree(() => applyInTransaction(context, target, set, operation));
      done.push(...steps);
      if (!next) return { steps: done, applied, ahead };
      if (await isTransactional(set, next)) continue;
      if (await whenFree(() => applyOutsideTransaction(context, target, set, next))) done.push(next);
    }
  }

  async function migrate(target: MigrationTarget, operation: Operation, known?: readonly string[]): Promise<Migrated> {
    // A source of migrations that cannot be loaded is no fault of the target.
    const set = await context.set(target);
    const done: Step[] = [];
    try {
      const migrated = known && (await migrateKnown(target, set, operation, known));
      return migrated ?? (await migrateStepwise(target, set, operation, done));
    } catch (cause) {
      throw migrationFailed(target, done, cause);
    }
  }

  return (target, operation, known) =>
    trace(
      'omnitenant:orm:migrate',
      () => traced(target),
      () => migrate(target, operation, known),
    );
}

function traced({
  tenant,
  placement: { server, database, schema },
}: MigrationTarget): OrmTraces['omnitenant:orm:migrate'] {
  return { server, database, schema, tenant: tenant?.id };
}

function migrationFailed(target: MigrationTarget, done: readonly Step[], cause: unknown): TenancyError {
  if (isTenancyError(cause, 'MIGRATE_FAILED')) return cause;
  const names = done.map(({ name }) => `"${name}"`).join(', ');
  const kept = done.length > 0 ? ` These migrations stay applied: ${names}.` : '';
  const isNamed = cause instanceof StatementFailed;
  const what = isNamed
    ? `The migration "${cause.migration}" failed in ${labelOf(target)}`
    : `Migrating ${labelOf(target)} failed`;
  const where = isNamed && cause.statement !== undefined ? `, in: ${inOneLine(cause.statement)}` : '';
  const { message } = cause as Error;
  const reason = isNamed ? cause.cause : cause;
  const andNow = `What failed is rolled back.${kept} Fix the cause and migrate again.`;
  const error = new TenancyError('MIGRATE_FAILED', `${what}: ${message.replace(/\.$/, '')}${where}. ${andNow}`, {
    ...tenantOf(target),
    cause: reason,
  });
  return withSummary(error, `${what}: ${recordedReason(reason, message)}. ${andNow}`);
}
