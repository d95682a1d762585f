import type { ArchiveSession } from '../../archive/archive-session.ts';
import { type PendingRows, pendingRows, type Snapshot } from './pending-rows.ts';
import type { SpilledKeys } from './spilled-keys.ts';

/** The rows of a table that are to be copied again. */
export interface DueRows {
  readonly table: string;
  /** Whether these are all rows that the table has, because it was truncated. */
  readonly isWhole: boolean;
  /** Their keys, each a JSON array of texts, a batch at a time, in the same order each time. None if all rows are. */
  batches(into: ArchiveSession): AsyncIterable<readonly string[]>;
}

/** The rows that were changed since they were copied. However many there are, memory has few of their keys. */
export interface ChangedRows {
  readonly pending: PendingRows;
  /** Call it when something was added to `pending`. Resolves when more may be. */
  makeRoom(): Promise<void> | undefined;
  /** Copies what is due, and forgets what the snapshot sees of it. Meanwhile nothing is added to what is due. */
  settle<R>(snapshot: Snapshot, copy: (due: readonly DueRows[]) => Promise<R>): Promise<R>;
  /** A table that has rows to be copied. */
  left(): string | undefined;
  /** Call it when nothing more is added. */
  end(): Promise<void>;
}

/** How many keys are kept in memory. */
const most = 50_000;
/** How many rows are asked for at a time. */
const batchSize = 5_000;

export function changedRows(spilled: SpilledKeys, mostKeys: number = most): ChangedRows {
  const pending = pendingRows();
  let last: Promise<unknown> = Promise.resolve();
  let room: Promise<void> | undefined;

  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  }

  function due(): readonly DueRows[] {
    const inMemory = pending.due();
    const names = new Set([...inMemory.map(({ table }) => table), ...spilled.tables]);
    return [...names].map((table) => {
      const { isWhole = false, keys = [] } = inMemory.find((each) => each.table === table) ?? {};
      async function* batches(into: ArchiveSession): AsyncGenerator<readonly string[]> {
        if (isWhole) return;
        if (spilled.tables.has(table)) yield* spilled.batches(into, table, batchSize);
        else for (let n = 0; n < keys.length; n += batchSize) yield keys.slice(n, n + batchSize);
      }
      return { table, isWhole, batches };
    });
  }

  return {
    pending,
    makeRoom() {
      if (pending.size < mostKeys) return undefined;
      room ??= inTurn(() => spilled.add(pending.drain())).finally(() => {
        room = undefined;
      });
      return room;
    },
    settle: (snapshot, copy) =>
      inTurn(async () => {
        // All that is due is in one place.
        if (spilled.tables.size > 0) await spilled.add(pending.drain());
        const result = await copy(due());
        pending.settle(snapshot);
        await spilled.settle(snapshot);
        return result;
      }),
    left: () => pending.due()[0]?.table ?? [...spilled.tables][0],
    end: () => inTurn(spilled.drop),
  };
}
