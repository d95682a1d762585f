import { createHash } from 'node:crypto';
import type { Step, TenantEntityManager } from '@omnitenant/orm/extend';
import { quoteName, quoteText } from '../sql/quote.ts';

/** The table of a tenant's database that says how far its migrations are. */
export const stepTable = 'omnitenant_step';

/** A statement of a migration, or all that a migration does that runs code. */
export interface Part {
  readonly text: string;
  /** Whether it leaves something in the session alone, so that each run does it again. */
  readonly isSetting: boolean;
  /** Whether it may do several things, so that an error does not say that it has done nothing. */
  readonly isCompound: boolean;
  run(em: TenantEntityManager): Promise<unknown>;
}

/** What is known of a part that was begun. */
export interface StepRow {
  readonly state: 'begun' | 'done';
  readonly digest: string;
  readonly at: string;
}

/** Makes what a tenant's database has of its migrations: MikroORM's own log, and how far the one is that is under way. */
export async function makeLedger(em: TenantEntityManager, logTable: string): Promise<void> {
  await em.execute(
    `create table if not exists ${quoteName(logTable)} (id int unsigned not null auto_increment primary key, name varchar(255), ` +
      'executed_at datetime default current_timestamp) engine = InnoDB',
  );
  await em.execute(
    `create table if not exists ${stepTable} (migration varchar(255) not null, direction varchar(4) not null, step int not null, ` +
      'state varchar(5) not null, digest char(16) not null, at timestamp(3) not null default current_timestamp(3), ' +
      'primary key (migration, direction, step)) character set utf8mb4 collate utf8mb4_bin engine = InnoDB',
  );
}

/** The migration of which some parts are done, and not all of them. */
export async function unfinishedIn(em: TenantEntityManager): Promise<Pick<Step, 'name' | 'direction'> | undefined> {
  const [row] = await em.execute<Pick<Step, 'name' | 'direction'>[]>(
    `select migration as name, direction from ${stepTable} order by at desc limit 1`,
  );
  return row;
}

export async function stepIn(em: TenantEntityManager, step: Step, n: number): Promise<StepRow | undefined> {
  const rows = await em.execute<StepRow[]>(
    `select state, digest, cast(at as char) as at from ${stepTable} where ${rowOf(step, n)} for update`,
  );
  return rows[0];
}

export async function beginStep(
  em: TenantEntityManager,
  { name, direction }: Step,
  n: number,
  part: Part,
): Promise<void> {
  const values = [name, direction, String(n), 'begun', digestOf(part)].map(quoteText).join(', ');
  await em.execute(`insert into ${stepTable} (migration, direction, step, state, digest) values (${values})`);
}

export async function endStep(em: TenantEntityManager, step: Step, n: number): Promise<void> {
  await em.execute(`update ${stepTable} set state = 'done' where ${rowOf(step, n)}`);
}

export async function forgetStep(em: TenantEntityManager, step: Step, n: number): Promise<void> {
  await em.execute(`delete from ${stepTable} where ${rowOf(step, n)} and state = 'begun'`);
}

/** Forgets the parts of a migration that is whole. */
export async function forgetSteps(em: TenantEntityManager, { name }: Step): Promise<void> {
  await em.execute(`delete from ${stepTable} where migration = ${quoteText(name)}`);
}

/** What finds the row of a part in the table. */
export function rowOf({ name, direction }: Step, n: number): string {
  return `migration = ${quoteText(name)} and direction = ${quoteText(direction)} and step = ${n}`;
}

export function digestOf({ text }: Part): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
