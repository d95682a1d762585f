import { plainDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { StreamCursor } from '../src/mikro-orm/stream-cursor.ts';

test.each(['before', 'after'])('a cursor closes where its connection ends %s it was asked to', async (when) => {
  await using database = await plainDatabase();
  const client = new Client({ connectionString: database.url });
  client.on('error', () => {});
  await client.connect();
  const cursor = client.query(new StreamCursor('select generate_series(1, 1000)'));
  expect(await cursor.read(1)).toHaveLength(1);
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
  if (when === 'before') stream.destroy();
  const closed = cursor.close();
  stream.destroy();
  await expect(closed).resolves.toBeUndefined();
});

test('a cursor that is closed leaves its connection to the next, and nothing that listens', async () => {
  await using database = await plainDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const { connection } = client as unknown as { connection: { listenerCount(event: 'end'): number } };
  const before = connection.listenerCount('end');
  for (let n = 0; n < 3; n += 1) {
    const cursor = client.query(new StreamCursor('select generate_series(1, 1000)'));
    await cursor.read(1);
    await cursor.close();
  }
  expect(connection.listenerCount('end')).toBe(before);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
});
