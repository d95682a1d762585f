import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import { parseSnapshot } from '../src/moves/online/pending-rows.ts';

test('PostgreSQL and this package say the same of which transactions a snapshot sees', async () => {
  await using database = await plainDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  const xids = [0, 1, 3, 4, 10, 11, 12, 13, 2_147_483_647, 2_147_483_648, 4_294_967_289, 4_294_967_295];
  for (const text of ['4294967290:4294967300:4294967297', '11:13:11', '13:13:']) {
    const snapshot = parseSnapshot(text);
    const sees = `select ${snapshot.seesSql('xid')} as sees from unnest(array[${xids}]::int8[]) with ordinality u(xid, n) order by n`;
    expect((await client.query(sees)).rows.map((row) => row.sees)).toEqual(xids.map(snapshot.sees));
  }
  await client.end();
});
