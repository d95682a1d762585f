import { expect, test } from 'vitest';
import type { ArchiveSession } from '../../archive/archive-session.ts';
import { changedRows, type DueRows } from './changed-rows.ts';
import { type PendingKey, parseSnapshot } from './pending-rows.ts';
import type { SpilledKeys } from './spilled-keys.ts';

/** Keeps keys aside in memory, and tells how many there were at most that it had not got yet. */
function aside(): SpilledKeys & { readonly keys: Map<string, PendingKey> } {
  const keys = new Map<string, PendingKey>();
  return {
    keys,
    get tables() {
      return new Set([...keys.values()].map(({ table }) => table));
    },
    async add(more) {
      for (const each of more) keys.set(each.key, each);
    },
    async *batches(_, table) {
      yield [...keys.values()].filter((each) => each.table === table).map(({ key }) => key);
    },
    async settle({ sees }) {
      for (const [key, { xid }] of keys) if (sees(xid)) keys.delete(key);
    },
    drop: async () => keys.clear(),
  };
}

async function keysOf(due: readonly DueRows[]): Promise<string[]> {
  const all: string[] = [];
  for (const { batches } of due) for await (const batch of batches({} as ArchiveSession)) all.push(...batch);
  return all;
}

test('however many rows change, memory has so many keys and what had arrived, and all of them are due', async () => {
  const spilled = aside();
  const { pending, makeRoom, settle, left, end } = changedRows(spilled, 100);
  // Ten arrive at a time.
  let largest = 0;
  for (let n = 0; n < 5_000; n += 10) {
    let room: Promise<void> | undefined;
    for (let of = n; of < n + 10; of += 1) {
      pending.changed('author', `["${of}"]`, of);
      room = makeRoom();
      largest = Math.max(largest, pending.size);
    }
    await room;
  }
  expect(largest).toBeLessThanOrEqual(110);
  const due = await settle(parseSnapshot('4990:4990:'), keysOf);
  expect(new Set(due).size).toBe(5_000);
  expect(due).toHaveLength(5_000);
  // What the snapshot did not see stays due.
  expect(await settle(parseSnapshot('5000:5000:'), keysOf)).toHaveLength(10);
  expect(left()).toBeUndefined();
  await end();
});

test('few keys stay in memory', async () => {
  const spilled = aside();
  const { pending, makeRoom, settle, left } = changedRows(spilled, 100);
  pending.changed('author', '["1"]', 1);
  expect(makeRoom()).toBeUndefined();
  expect(left()).toBe('author');
  expect(await settle(parseSnapshot('2:2:'), keysOf)).toEqual(['["1"]']);
  expect([spilled.keys.size, left()]).toEqual([0, undefined]);
});

test('a key that changes while others are copied is kept with its last transaction', async () => {
  const spilled = aside();
  const { pending, makeRoom, settle, left } = changedRows(spilled, 2);
  for (const key of ['["1"]', '["2"]']) pending.changed('author', key, 10);
  await makeRoom();
  let room: Promise<void> | undefined;
  await settle(parseSnapshot('11:11:'), async (due) => {
    for (const key of ['["2"]', '["3"]']) pending.changed('author', key, 12);
    room = makeRoom();
    expect(await keysOf(due)).toEqual(['["1"]', '["2"]']);
  });
  await room;
  expect([...spilled.keys.keys()]).toEqual(['["2"]', '["3"]']);
  expect(left()).toBe('author');
});

test('a table that was truncated is due as a whole, wherever its keys are', async () => {
  const spilled = aside();
  const { pending, makeRoom, settle, left } = changedRows(spilled, 1);
  pending.changed('author', '["1"]', 10);
  await makeRoom();
  pending.truncated('author', 11);
  const isWhole = (due: readonly DueRows[]) => Promise.resolve(due.map((each) => each.isWhole));
  expect(await settle(parseSnapshot('12:12:'), isWhole)).toEqual([true]);
  expect(left()).toBeUndefined();
});
