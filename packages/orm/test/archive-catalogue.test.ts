import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { ArchiveSession } from '../src/archive/archive-session.ts';
import { readTenantTables } from '../src/archive/tenant-tables.ts';

interface Plan {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

/** The rows that all steps of a plan have gone through, also those that they have left out. */
function rowsOf({
  'Actual Rows': rows,
  'Actual Loops': loops,
  'Rows Removed by Filter': left = 0,
  Plans = [],
}: Plan): number {
  return (rows + left) * loops + Plans.reduce((sum, plan) => sum + rowsOf(plan), 0);
}

/** As PostgreSQL rounds rows to a hundredth for each loop. */
const rounding = 1.02;

test.each([
  ['that was analysed', 'vacuum analyze'],
  ['of which PostgreSQL knows nothing yet', 'vacuum'],
])(
  'what a tenant’s tables are is read from as many rows of a catalogue %s, however many other tenants there are',
  async (_, vacuum) => {
    const database = await plainDatabase();
    onTestFinished(database.drop);
    const client = new pg.Client(database.url);
    await client.connect();
    onTestFinished(() => client.end());
    // As for more tenants than a test makes.
    await client.query('set enable_seqscan to off');
    async function make(first: number, last: number): Promise<void> {
      const columns =
        'id serial primary key, name text unique, note varchar(9), at timestamptz, amount numeric, done bool';
      const tables = [1, 2, 3, 4].map((n) => `execute format('create table t%s.own_${n} (${columns})', n);`);
      await client.query(
        `do $$ begin for n in ${first}..${last} loop execute format('create schema t%s', n); ${tables.join(' ')} end loop; end $$`,
      );
      await client.query(vacuum);
    }
    async function read(): Promise<number> {
      let rows = 0;
      const query = async (sql: string) => {
        const explained = await client.query(`explain (analyze, format json) ${sql}`);
        rows += rowsOf(explained.rows[0]['QUERY PLAN'][0].Plan);
        return (await client.query(sql)).rows;
      };
      const session = { schema: 't1', key: undefined, isShared: false, query } as unknown as ArchiveSession;
      const { tables } = await readTenantTables(session, 'mikro_orm_migrations');
      expect(tables.size).toBe(4);
      return rows;
    }
    await make(1, 2);
    const few = await read();
    await make(3, 60);
    expect(await read()).toBeLessThan(few * rounding);
  },
);
