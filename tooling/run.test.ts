import { Client, escapeIdentifier } from 'pg';
import { expect, test } from 'vitest';
import { openRun } from './run.ts';
import { testServer } from './testing.ts';

const { url } = testServer();

test('a run that leaves nothing ends quietly', async () => {
  const run = await openRun({ url, exclusive: false });
  await run.end();
});

test('a run ends with an error that names what was left, and removes it', async () => {
  const run = await openRun({ url, exclusive: false });
  await query(`create database ${run.prefix}forgotten`);
  await query(`create role ${run.prefix}someone`);
  await expect(run.end()).rejects.toThrow(
    `The tests left behind (removed now): database "${run.prefix}forgotten", role "${run.prefix}someone".`,
  );
  expect(await named(run.prefix)).toEqual([]);
});

test('a run that begins removes what a killed one left, and nothing of one that is alive', async () => {
  const alive = await openRun({ url, exclusive: false });
  await query(`create database ${alive.prefix}used`);
  // A killed run's lock went with its connection: a prefix that nobody holds is all that is left of it.
  const dead = 'omni_test_ffffffff_';
  await query(`create role ${dead}owner`);
  await query(`create database ${dead}left owner ${dead}owner is_template true`);
  // As PostgreSQL leaves one whose dropping was cut short: whoever alters it loses the connection.
  await query(`create database ${dead}invalid`);
  await query(`update pg_database set datconnlimit = -2 where datname = '${dead}invalid'`);

  const next = await openRun({ url, exclusive: false });
  expect(await named(dead)).toEqual([]);
  expect(await named(alive.prefix)).toEqual([`${alive.prefix}used`]);
  await next.end();

  await query(`drop database ${escapeIdentifier(`${alive.prefix}used`)}`);
  await alive.end();
});

async function named(prefix: string): Promise<string[]> {
  const rows = await query(
    `select name from (select datname as name from pg_database union all select rolname from pg_roles) as everything
      where starts_with(name, '${prefix}')`,
  );
  return rows.map((row) => String(row.name));
}

async function query(text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
