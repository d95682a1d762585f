import { testDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import { type CatalogueTarget, digestSql, fingerprintSql } from '../src/migrations/verify/catalogue-sql.ts';

interface Plan {
  readonly 'Node Type': string;
  readonly Plans?: readonly Plan[];
}

test.each([
  ['fingerprints of columns', (target: CatalogueTarget) => fingerprintSql(target)[0]],
  ['fingerprints of keys', (target: CatalogueTarget) => fingerprintSql(target)[1]],
  ['digests', digestSql],
])('the %s of many schemas are never read by looping over all of a catalogue for each table', async (_, sqlOf) => {
  await using database = await testDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    const schemas = Array.from({ length: 1_000 }, (_, n) => `t_${n}`);
    const sql = sqlOf({ schemas, logTable: 'mikro_orm_migrations', extensions: 'extensions', version: 15 });
    const at = sql.indexOf('with s as');
    await client.query(`begin; ${sql.slice(0, at)}`);
    // No statistics say how many schemas there will be: the database is empty.
    const { rows } = await client.query(`explain (format json) ${sql.slice(at)}`);
    const loops = nodesOf(rows[0]['QUERY PLAN'][0].Plan).filter((node) => node['Node Type'] === 'Nested Loop');
    for (const loop of loops) expect(loop.Plans?.map(typeOf)).toContain('Function Scan');
  } finally {
    await client.end();
  }
});

/** What is read: later versions of PostgreSQL remember what a function has returned. */
function typeOf({ 'Node Type': type, Plans: [first] = [] }: Plan): string | undefined {
  return type === 'Memoize' ? first?.['Node Type'] : type;
}

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}
