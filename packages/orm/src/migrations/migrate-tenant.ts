import type { IMigrationRunner } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { type OrmPlacement, placementOf, sharesTables } from '../placement/placement.ts';
import { pinOf } from '../session/pinned-pool.ts';
import type { SqlClient } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { keepAt, type MigrationSet, type MigrationsKept } from './migration-set.ts';
import { appliedAfter, type Operation, type Step } from './operation.ts';
import {
  createLog,
  expectApplied,
  expectSchema,
  heldByOther,
  lockOf,
  logEntry,
  otherState,
  replayOf,
} from './replay.ts';
import { isExhausted, untilFree } from './retry.ts';

/** Where migrations run, and what they need for it. */
export interface PlaceOptions {
  readonly pools: Pools;
  readonly set: () => Promise<MigrationSet>;
  /** An EntityManager that a tenant's migrations may send anything on. */
  readonly fork: (tenant: Tenant) => TenantEntityManager;
  /** A connection of its own whose session is in the placement, for what runs in no transaction. */
  readonly session: (placement: OrmPlacement) => Promise<SqlClient>;
  /** Where the migrations are kept, when it is not where the MikroORM configuration says. */
  readonly kept?: MigrationsKept;
  /** What stands around the migrations of a tenant, in their transaction. */
  readonly around: (tenant: Tenant) => Around | undefined;
  /** Waits as long as it takes for a connection, which other tenants of the same run may have. */
  readonly patient?: boolean;
}

/** Statements before and after migrations. */
export interface Around {
  readonly before: string;
  readonly after: string;
}

/** What was done in one tenant, and what it has now. */
export interface Migrated {
  readonly steps: readonly Step[];
  readonly applied: readonly string[];
}

/** Does an operation in one tenant; `known` is what central believes to be applied there. */
export type MigratePlace = (tenant: Tenant, operation: Operation, known?: readonly string[]) => Promise<Migrated>;

/**
 * Brings one tenant's place where an operation wants it, each transaction all or nothing and under a lock, so that two
 * runners never apply one migration twice. Where central is right about what is applied, that is one message.
 */
export function migratePlace(options: PlaceOptions): MigratePlace {
  const { pools, set: load, fork, session, around, kept = {}, patient = false } = options;

  /** Tries again while another process migrates the same place. */
  const whenFree = <R>(work: () => Promise<R>): Promise<R> =>
    untilFree(work, (error) => (error as { code?: string }).code === heldByOther || (patient && isExhausted(error)));

  /** The whole way in one message, or `undefined` where it cannot be, or something else is applied than was known. */
  async function atOnce(tenant: Tenant, set: MigrationSet, known: readonly string[], steps: readonly Step[]) {
    const replay = await replayOf(set, steps);
    if (!replay) return undefined;
    const placement = placementOf(tenant);
    const rows = steps.some(({ run }) => run) ? around(tenant) : undefined;
    const message = [
      'begin',
      lockOf(placement.schema),
      ...pinOf(placement, sharesTables(tenant) ? { rowsOf: '' } : {}),
      expectApplied(set, known),
      ...(rows ? [rows.before] : []),
      ...replay.statements,
      ...(rows ? [rows.after] : []),
      'commit',
    ];
    const client = await pools.connect(placement);
    try {
      await client.query(message.join(';\n'));
      client.release(replay.leaves);
      return { steps, applied: appliedAfter(set.names, known, steps) };
    } catch (error) {
      await client.query('rollback').then(
        () => client.release(),
        () => client.release(true),
      );
      if ([otherState, undefinedTable].includes((error as { code?: string }).code ?? '')) return undefined;
      throw error;
    }
  }

  /** The next steps that go in one transaction, as the tenant's own log wants them. */
  const inTransaction = (tenant: Tenant, set: MigrationSet, operation: Operation) =>
    fork(tenant).transactional(async (em) => {
      const { schema } = placementOf(tenant);
      await em.execute(lockOf(schema));
      await em.execute(expectSchema(schema));
      await em.execute(createLog(set));
      const log = await em.execute<{ name: string }[]>(`select name from ${quoteName(set.logTable)} order by id`);
      const applied = log.map(({ name }) => name.replace(/\.[jt]s$/, ''));
      const steps = operation.stepsFrom(applied);
      const count = await countTogether(set, steps);
      const together = steps.slice(0, count);
      const rows = together.some(({ run }) => run) ? around(tenant) : undefined;
      if (rows) await em.execute(rows.before);
      for (const step of together) await runIn(em, set, schema, step);
      if (rows) await em.execute(rows.after);
      return { done: together, next: steps[count], applied: appliedAfter(set.names, applied, together) };
    });

  async function runIn(em: TenantEntityManager, set: MigrationSet, schema: string, step: Step): Promise<void> {
    const { sql } = step.run ? await set.compile(step.name, step.direction) : { sql: [] };
    if (sql) {
      for (const statement of sql) await em.execute(statement);
      await em.execute(logEntry(set, step));
    } else {
      await new PinnedMigrator(em, kept)[step.direction]({
        migrations: [step.name],
        schema,
        transaction: em.getTransactionContext() as never,
      });
    }
  }

  /** A step that runs in no transaction, on a connection of its own. Says whether there was something to do. */
  async function alone(tenant: Tenant, set: MigrationSet, step: Step): Promise<boolean> {
    const { sql } = await set.compile(step.name, step.direction);
    if (!sql) {
      throw new TenancyError(
        'MIGRATE_FAILED',
        `The migration '${step.name}' runs code and is not transactional. Queue its statements with addSql, or make it transactional.`,
        { tenant: tenant.id },
      );
    }
    const placement = placementOf(tenant);
    const client = await session(placement);
    try {
      await client.query(lockOf(placement.schema, 'session'));
      const name = quoteText(step.name);
      const result = await client.query(`select 1 from ${quoteName(set.logTable)} where name = ${name}`);
      const isApplied = !Array.isArray(result) && result.rows.length > 0;
      if (isApplied === (step.direction === 'up')) return false;
      for (const statement of sql)
        await client.query(statement).catch((cause) => Promise.reject(halfDone(tenant, step, cause)));
      await client.query(logEntry(set, step));
      return true;
    } finally {
      client.release(true);
    }
  }

  return async (tenant, operation, known) => {
    const set = await load();
    const done: Step[] = [];
    try {
      if (known) {
        const steps = operation.stepsFrom(known);
        if (steps.length === 0) return { steps, applied: known };
        const whole = await whenFree(() => atOnce(tenant, set, known, steps));
        if (whole) return whole;
      }
      for (;;) {
        const { done: now, next, applied } = await whenFree(() => inTransaction(tenant, set, operation));
        done.push(...now);
        if (!next) return { steps: done, applied };
        if (await isTransactional(set, next)) continue;
        if (await whenFree(() => alone(tenant, set, next))) done.push(next);
      }
    } catch (cause) {
      throw failed(tenant, done, cause);
    }
  };
}

/** How many steps go in one transaction: those before the first that runs in none. */
async function countTogether(set: MigrationSet, steps: readonly Step[]): Promise<number> {
  let count = 0;
  for (const step of steps) {
    if (!(await isTransactional(set, step))) return count;
    count += 1;
  }
  return count;
}

async function isTransactional(set: MigrationSet, { name, direction, run }: Step): Promise<boolean> {
  return !run || (await set.compile(name, direction)).transactional;
}

const undefinedTable = '42P01';

/** What runs in no transaction is not undone. */
function halfDone({ id }: Tenant, { name }: Step, cause: Error): TenancyError {
  return new TenancyError(
    'MIGRATE_FAILED',
    `The migration '${name}' failed in the tenant '${id}': ${cause.message}. It runs in no transaction, so what it had done stands, such as an ` +
      'invalid index. Clear that, and migrate the tenant again.',
    { tenant: id, cause },
  );
}

function failed({ id }: Tenant, done: readonly Step[], cause: unknown): TenancyError {
  if (isTenancyError(cause, 'MIGRATE_FAILED')) return cause;
  const kept = done.length > 0 ? ` ${done.map(({ name }) => name).join(', ')} stand.` : '';
  return new TenancyError(
    'MIGRATE_FAILED',
    `The tenant '${id}' could not be migrated: ${(cause as Error).message.replace(/\.$/, '')}. What failed is undone.${kept} Mend the cause, and migrate it again.`,
    { tenant: id, cause },
  );
}

/** MikroORM's migrator on a transaction whose schema the pin has settled, for migrations that run code. */
class PinnedMigrator extends Migrator {
  constructor(em: TenantEntityManager, kept: MigrationsKept) {
    super(em);
    keepAt(this, kept);
  }

  protected override createRunner(): IMigrationRunner {
    const runner = super.createRunner();
    // MikroORM would set the session's search_path, and reset it to that of nobody.
    runner.setRunSchema = () => {};
    return runner;
  }

  override async init(): Promise<void> {
    // MikroORM would look for the base's database, which it has not.
    await this.initPaths();
  }
}
