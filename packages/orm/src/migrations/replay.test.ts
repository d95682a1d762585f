import { describe, expect, test } from 'vitest';
import type { CompiledMigration } from '../mikro-orm/migration-compiler.ts';
import type { MigrationSet } from './migration-set.ts';
import type { Step } from './operation.ts';
import { expectSchema, lockOf, logEntry, replayOf } from './replay.ts';

function setOf(compiled: Readonly<Record<string, CompiledMigration>>): MigrationSet {
  return {
    names: Object.keys(compiled),
    folder: undefined,
    logTable: 'log',
    appliedAt: () => undefined,
    compile: async (name) => compiled[name] as CompiledMigration,
  };
}

const up = (name: string, run = true): Step => ({ name, direction: 'up', run });

const plain = { transactional: true, sql: ['create table a (id int)', 'create table b (id int)'] };

describe('a replay', () => {
  test('sends the statements of each migration, and then its log entry', async () => {
    const set = setOf({ first: plain, second: { transactional: true, sql: [] } });
    expect(await replayOf(set, [up('first'), up('second')])).toEqual({
      statements: [
        ...plain.sql,
        `insert into "log" (name) values ('first')`,
        `insert into "log" (name) values ('second')`,
      ],
      migrations: [...plain.sql, 'log'].map(() => 'first').concat('second'),
    });
  });

  test('sends the statements of one text one by one', async () => {
    const sql = [`create table a (t text default ';'); create index on a (t); -- done`];
    const replay = await replayOf(setOf({ first: { transactional: true, sql } }), [up('first')]);
    expect(replay?.statements.slice(0, -1)).toEqual([`create table a (t text default ';')`, ' create index on a (t)']);
  });

  test('compiles no migration that is only marked', async () => {
    expect(await replayOf(setOf({}), [up('gone', false)])).toEqual({
      statements: [`insert into "log" (name) values ('gone')`],
      migrations: ['gone'],
    });
  });

  test.each([
    ['runs code', { transactional: true, sql: undefined }],
    ['runs outside of a transaction', { ...plain, transactional: false }],
    ['ends its transaction', { transactional: true, sql: ['create table a (id int); commit'] }],
  ])('is not made of a migration that %s', async (_, compiled) => {
    expect(await replayOf(setOf({ first: plain, other: compiled }), [up('first'), up('other')])).toBeUndefined();
  });
});

test('a reverted migration is removed from the log with the endings that MikroORM once wrote', () => {
  expect(logEntry(setOf({}), { name: "it's", direction: 'down', run: true })).toBe(
    `delete from "log" where name in ('it''s', 'it''s.js', 'it''s.ts')`,
  );
});

test('a schema is named as a text in what refuses a missing one, and in the lock of its migrations', () => {
  expect(expectSchema("o'x")).toContain(`is distinct from 'o''x'`);
  expect(lockOf('t_a')).toContain(`pg_try_advisory_xact_lock(hashtextextended('omnitenant:migrate:t_a', 0))`);
  expect(lockOf('t_a', 'session')).toContain('pg_try_advisory_lock(');
});
