import { TenancyError } from '@omnitenant/core';
import { failedIndex } from '../connections/enveloped-query.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { PinnedMigrator } from '../mikro-orm/pinned-migrator.ts';
import { extensionsOf, sharesTables } from '../placement/placement.ts';
import { discardAll } from '../session/cleaning.ts';
import { pinOf } from '../session/pin.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { withoutTimeLimits } from '../sql/time-limits.ts';
import type { MigrationSet } from './migration-set.ts';
import { labelOf, type MigrationContext, type MigrationTarget, tenantOf } from './migration-target.ts';
import { appliedAfter, type Operation, type Step } from './operation.ts';
import {
  createLog,
  expectApplied,
  expectSchema,
  expectTransaction,
  lockOf,
  logEntry,
  otherState,
  replayOf,
} from './replay.ts';
import { inOneLine, naming, StatementFailed } from './statement-failed.ts';
import { loggedName } from './version.ts';

/** The steps of one transaction, what is applied after them, and the step that comes next, if any is left. */
interface Applied {
  readonly steps: readonly Step[];
  readonly applied: readonly string[];
  readonly next: Step | undefined;
  /** The newest migration of the log, if this code does not have it. */
  readonly ahead: string | undefined;
}

/**
 * Applies all steps in one message and returns what is applied then; `undefined` if that is impossible, or if something else
 * is applied than was known.
 */
export async function applyInOneMessage(
  { pools, extensions }: MigrationContext,
  target: MigrationTarget,
  set: MigrationSet,
  known: readonly string[],
  steps: readonly Step[],
): Promise<readonly string[] | undefined> {
  const { placement, tenant } = target;
  // What changes shared tables is looked at statement by statement.
  const replay = tenant && sharesTables(tenant) ? undefined : await replayOf(set, steps);
  if (!replay) return undefined;
  const pin = pinOf(placement, { extensions: extensionsOf(tenant, extensions) });
  const first = ['begin', withoutTimeLimits(), lockOf(placement.schema), ...pin, expectApplied(set, known)];
  const pinned = [...pin, expectTransaction(set)].map((sql) => ({ sql }));
  const sent: readonly Sent[] = [
    ...first.map((sql) => ({ sql })),
    ...replay.statements.flatMap((sql, n) => [...pinned, { sql, migration: replay.migrations[n] }]),
  ];
  const before = sent.map(({ sql }) => sql);
  const client = await pools.connect(placement);
  try {
    await client.send({ text: 'commit', envelope: () => ({ before, after: [discardAll], leavesNothing: true }) });
    return appliedAfter(set.names, known, steps);
  } catch (error) {
    // What could not be told apart is told apart by nobody: PostgreSQL takes one statement at a time.
    if ([otherState, sqlState.undefinedTable, sqlState.syntaxError].includes(codeOf(error))) return undefined;
    throw named(error, sent);
  } finally {
    client.release();
  }
}

/** One statement of a message, and the migration that it belongs to. */
interface Sent {
  readonly sql: string;
  readonly migration?: string | undefined;
}

/** The error, with the migration and the statement that it belongs to. What ends a transaction is noticed by what comes next. */
function named(error: unknown, sent: readonly Sent[]): unknown {
  const index = failedIndex(error) ?? sent.length;
  const at = index < sent.length ? sent.slice(0, index + 1).findLast(({ migration }) => migration) : undefined;
  return at?.migration === undefined ? error : new StatementFailed(at.migration, at.sql, error);
}

/** Applies the next steps that share one transaction, by what the target's own log says. */
export function applyInTransaction(
  context: MigrationContext,
  target: MigrationTarget,
  set: MigrationSet,
  operation: Operation,
): Promise<Applied> {
  return context.fork(target).transactional(async (em) => {
    const { schema } = target.placement;
    await em.execute(withoutTimeLimits());
    await em.execute(lockOf(schema));
    await em.execute(expectSchema(schema));
    await em.execute(createLog(set));
    const log = await em.execute<{ name: string }[]>(`select name from ${quoteName(set.logTable)} order by id`);
    const before = log.map(({ name }) => loggedName(name));
    const wanted = operation.stepsFrom(before);
    const ahead = before.slice(-1).find((name) => !set.names.includes(name));
    if (ahead !== undefined && wanted.some(({ direction, run }) => run && direction === 'down')) {
      throw revertsUnderNewer(target, ahead);
    }
    const steps = await leadingTransactional(set, wanted);
    for (const step of steps) await applyStep(context, em, set, schema, step);
    return { steps, next: wanted[steps.length], applied: appliedAfter(set.names, before, steps), ahead };
  });
}

/** Applies a step outside of a transaction, on a dedicated connection. Returns false if another process did it first. */
export async function applyOutsideTransaction(
  { session }: MigrationContext,
  target: MigrationTarget,
  set: MigrationSet,
  step: Step,
): Promise<boolean> {
  const { sql } = await set.compile(step.name, step.direction);
  if (!sql) throw needsTransaction(target, step);
  const client = await session(target);
  try {
    await client.query(withoutTimeLimits('session'));
    await client.query(lockOf(target.placement.schema, 'session'));
    const name = quoteText(step.name);
    const result = await client.query(`select 1 from ${quoteName(set.logTable)} where name = ${name}`);
    const isApplied = !Array.isArray(result) && result.rows.length > 0;
    if (isApplied === (step.direction === 'up')) return false;
    for (const statement of sql) {
      await client.query(statement).catch((cause) => Promise.reject(halfDone(target, step, statement, cause)));
    }
    await client.query(logEntry(set, step));
    return true;
  } finally {
    client.release(true);
  }
}

/** Whether a step runs in a transaction, as everything does that only writes the log. */
export async function isTransactional(set: MigrationSet, { name, direction, run }: Step): Promise<boolean> {
  return !run || (await set.compile(name, direction)).transactional;
}

async function applyStep(
  { source }: MigrationContext,
  em: TenantEntityManager,
  set: MigrationSet,
  schema: string,
  step: Step,
): Promise<void> {
  const { sql } = step.run ? await set.compile(step.name, step.direction) : { sql: [] };
  if (sql) {
    for (const statement of sql) await naming(step.name, statement, () => em.execute(statement));
    await em.execute(logEntry(set, step));
  } else {
    const transaction = em.getTransactionContext() as never;
    const migrator = new PinnedMigrator(em, source);
    await naming(step.name, undefined, () =>
      migrator[step.direction]({ migrations: [step.name], schema, transaction }),
    );
  }
}

/** The steps before the first that runs outside of a transaction. */
async function leadingTransactional(set: MigrationSet, steps: readonly Step[]): Promise<readonly Step[]> {
  let count = 0;
  for (const step of steps) {
    if (!(await isTransactional(set, step))) break;
    count += 1;
  }
  return steps.slice(0, count);
}

function needsTransaction(target: MigrationTarget, { name }: Step): TenancyError {
  return new TenancyError(
    'MIGRATE_FAILED',
    `The migration "${name}" runs code and is not transactional. Queue its statements with addSql, or make it transactional.`,
    tenantOf(target),
  );
}

/** A migration is not undone below one that was applied after it. */
function revertsUnderNewer(target: MigrationTarget, ahead: string): TenancyError {
  return new TenancyError(
    'MIGRATE_FAILED',
    `The last migration of ${labelOf(target)} is "${ahead}", which this code does not have. Roll back with the code that has it.`,
    tenantOf(target),
  );
}

/** PostgreSQL rolls nothing back for a migration that runs outside of a transaction. */
function halfDone(target: MigrationTarget, { name }: Step, statement: string, cause: Error): TenancyError {
  return new TenancyError(
    'MIGRATE_FAILED',
    `The migration "${name}" failed in ${labelOf(target)}: ${cause.message}, in: ${inOneLine(statement)}. It runs outside of a transaction, so its earlier ` +
      'changes remain, such as an invalid index. Remove them and migrate again.',
    { ...tenantOf(target), cause },
  );
}
