import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import {
  appliedAfter,
  type Migrated,
  type MigrationSet,
  type Operation,
  PinnedMigrator,
  recordedReason,
  type Step,
  type TenantEntityManager,
  withSummary,
} from '@omnitenant/orm/extend';
import { quoteName, quoteText } from '../sql/quote.ts';
import {
  beginStep,
  digestOf,
  endStep,
  forgetStep,
  forgetSteps,
  makeLedger,
  type Part,
  rowOf,
  stepIn,
  stepTable,
  unfinishedIn,
} from './step-ledger.ts';

/** What a database's migrations run with. */
export interface DatabaseMigration {
  readonly set: MigrationSet;
  /** An EntityManager on a session that nobody else has, whose transactions go on where MariaDB commits. */
  readonly em: TenantEntityManager;
  readonly tenant: Tenant;
}

/**
 * Performs an operation in one database. MariaDB commits each statement that changes tables by itself, so that a migration is a list of parts,
 * each with a row that is written with it: what was killed goes on after the last part that was done.
 *
 * @throws MIGRATE_FAILED, also where nobody knows whether a part was done.
 */
export async function migrateDatabase(migration: DatabaseMigration, operation: Operation): Promise<Migrated> {
  const done: Step[] = [];
  let failing: Step | undefined;
  try {
    for (;;) {
      failing = undefined;
      const { applied, ahead, unfinished } = await appliedIn(migration);
      const next = operation.stepsFrom(applied)[0];
      if (unfinished !== undefined && !goesOn(unfinished, next)) throw endedMidway(unfinished);
      if (next === undefined) return { steps: done, applied: appliedAfter(migration.set.names, applied, []), ahead };
      failing = next;
      if (ahead !== undefined && next.run && next.direction === 'down') throw revertsUnderNewer(ahead);
      await applyStep(migration, next);
      done.push(next);
    }
  } catch (cause) {
    throw migrationFailed(migration, failing, done, cause);
  }
}

/** What a database says of its migrations. */
export interface AppliedMigrations {
  readonly applied: readonly string[];
  readonly ahead?: string | undefined;
  /** What was applied or reverted in part: the tables are what no list of migrations makes. */
  readonly unfinished?: Pick<Step, 'name' | 'direction'> | undefined;
}

/** What a database's log says, without making one. */
export async function appliedIn({ set, em }: Pick<DatabaseMigration, 'set' | 'em'>): Promise<AppliedMigrations> {
  const found = await em.execute<{ name: string }[]>(
    `select table_name as name from information_schema.tables where table_schema = database() and table_name in (${[set.logTable, stepTable].map(quoteText).join(', ')})`,
  );
  const isThere = (table: string) => found.some(({ name }) => name === table);
  if (!isThere(set.logTable)) return { applied: [] };
  const rows = await em.execute<{ name: string }[]>(`select name from ${quoteName(set.logTable)} order by id`);
  const applied = rows.map(({ name }) => name.replace(/\.[jt]s$/, ''));
  const unfinished = isThere(stepTable) ? await unfinishedIn(em) : undefined;
  const isKnown = (name: string) => set.names.includes(name);
  // Newer code ends what it has begun.
  const ahead = [...applied.slice(-1), ...(unfinished ? [unfinished.name] : [])].find((name) => !isKnown(name));
  return { applied, ahead, unfinished: unfinished && isKnown(unfinished.name) ? unfinished : undefined };
}

/** Whether a step is the one that was cut short. One that is only marked runs nothing. */
function goesOn(unfinished: Pick<Step, 'name' | 'direction'>, next: Step | undefined): boolean {
  if (next === undefined) return false;
  return !next.run || (next.name === unfinished.name && next.direction === unfinished.direction);
}

async function applyStep(migration: DatabaseMigration, step: Step): Promise<void> {
  const { set, em } = migration;
  await makeLedger(em, set.logTable);
  const parts = step.run ? await partsOf(set, step) : [];
  for (const [index, part] of parts.entries())
    await applyPart(migration, step, { part, n: index + 1, of: parts.length });
  await em.transactional(async (inside) => {
    // A migration that runs code has its entry already.
    await inside.execute(unlog(set, step));
    if (step.direction === 'up') await inside.execute(log(set, step));
    await forgetSteps(inside, step);
  });
}

async function partsOf(set: MigrationSet, step: Step): Promise<readonly Part[]> {
  const { sql } = await set.compile(step.name, step.direction);
  if (sql === undefined) return [codeOf(step)];
  return sql.map((text) => ({
    text,
    isSetting: isSetting.test(text),
    isCompound: isCompound.test(text),
    run: (em: TenantEntityManager) => em.execute(text),
  }));
}

/** What may do several things one after another: code, and `drop` of several objects, which ends with the first that is not there. */
const isCompound = /^\s*(?:(?:call|begin|execute)\b|drop\b.*,)/is;

/** What changes the session, or a variable of it, and no row. */
const isSetting = /^\s*(?:\/\*!\d*\s*)?(?:set\s+(?!statement\b|global\b|password\b)|select\b.*\binto\s+@)/is;

function codeOf(step: Step): Part {
  return {
    text: `code of ${step.name}`,
    isSetting: false,
    isCompound: true,
    run: (em) => {
      const transaction = em.getTransactionContext() as never;
      return new PinnedMigrator(em, undefined)[step.direction]({ migrations: [step.name], transaction });
    },
  };
}

interface Place {
  readonly part: Part;
  readonly n: number;
  readonly of: number;
}

/**
 * Runs a part that is not done. Its row is begun in the transaction of the part: a part that changes rows is rolled back with it, and one that
 * changes tables has MariaDB commit the row before.
 */
async function applyPart({ em, tenant }: DatabaseMigration, step: Step, place: Place): Promise<void> {
  const { part, n } = place;
  // What an earlier run has set was in a session that is gone, and later parts may need it.
  if (part.isSetting) return void (await part.run(em));
  const known = await stepIn(em, step, n);
  if (known?.state === 'begun') throw outcomeUnknown(tenant, step, place, known.at);
  if (known !== undefined && known.digest !== digestOf(part)) throw changedSince(step, place);
  if (known !== undefined) return;
  try {
    await em.transactional(async (inside) => {
      await beginStep(inside, step, n, part);
      await part.run(inside);
      await endStep(inside, step, n);
    });
  } catch (error) {
    // One statement has failed as a whole; of several, some may be done, and then the row stays.
    if (!part.isCompound) await forgetStep(em, step, n).catch(() => {});
    throw error;
  }
}

function log({ logTable }: MigrationSet, { name }: Step): string {
  return `insert into ${quoteName(logTable)} (name) values (${quoteText(name)})`;
}

function unlog({ logTable }: MigrationSet, { name }: Step): string {
  return `delete from ${quoteName(logTable)} where name in (${[name, `${name}.js`, `${name}.ts`].map(quoteText).join(', ')})`;
}

function outcomeUnknown({ id }: Tenant, step: Step, { part, n, of }: Place, at: string): TypeError {
  const where = rowOf(step, n);
  return new TypeError(
    `its part ${n} of ${of} was begun at ${at} by a process that ended before it knew the outcome: "${part.text.slice(0, 200)}". Look whether ` +
      `the part is done in tenant "${id}". If it is: update ${stepTable} set state = 'done' where ${where}; if not: delete from ${stepTable} where ` +
      `${where}. Send it with tenancy.run("${id}", () => orm.em.execute(…)), or with the client as the database's administrator`,
  );
}

function endedMidway({ name, direction }: Pick<Step, 'name' | 'direction'>): TypeError {
  const [was, again] = direction === 'up' ? ['applied', 'Apply it'] : ['reverted', 'Revert it'];
  return new TypeError(
    `the migration "${name}" was ${was} here in part, and nothing else is run before it is whole. ${again} again, or put the tables in order by ` +
      `hand and then send: delete from ${stepTable} where migration = ${quoteText(name)}`,
  );
}

function changedSince({ name }: Step, { n, of }: Place): TypeError {
  return new TypeError(
    `the migration "${name}" was changed after its part ${n} of ${of} was done here. Undo the change, or end it by hand`,
  );
}

function revertsUnderNewer(ahead: string): TypeError {
  return new TypeError(
    `its last migration is "${ahead}", which this code does not have. Roll back with the code that has it`,
  );
}

function migrationFailed(
  { tenant }: DatabaseMigration,
  step: Step | undefined,
  done: readonly Step[],
  cause: unknown,
): TenancyError {
  const passing = ['MIGRATE_FAILED', 'TENANT_OUTDATED', 'TENANT_BUSY'] as const;
  const own = passing.find((code) => isTenancyError(cause, code));
  if (own !== undefined) return cause as TenancyError;
  const where = `tenant "${tenant.id}"`;
  const names = done.map(({ name }) => `"${name}"`).join(', ');
  const kept = done.length > 0 ? ` These migrations stay applied: ${names}.` : '';
  const what = step === undefined ? `Migrating ${where} failed` : `The migration "${step.name}" failed in ${where}`;
  const andNow = `Parts that were done before stay done, and are not run again.${kept} Fix the cause and migrate again.`;
  const { message = String(cause) } = cause as { message?: string };
  const error = new TenancyError('MIGRATE_FAILED', `${what}: ${message.replace(/\.$/, '')}. ${andNow}`, {
    tenant: tenant.id,
    cause,
  });
  return withSummary(error, `${what}: ${recordedReason(cause, message)}. ${andNow}`);
}
