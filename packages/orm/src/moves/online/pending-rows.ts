/** The rows of a table that were changed. */
interface ChangedTable {
  readonly table: string;
  /** Whether these are all rows that the table has, because it was truncated. */
  readonly isWhole: boolean;
  /** Their keys, each a JSON array of texts. None if all rows are. */
  readonly keys: readonly string[];
}

/** The key of a row, with the transaction that has changed it last. */
export interface PendingKey {
  readonly table: string;
  readonly key: string;
  readonly xid: number;
}

/** The rows that were changed since they were copied: their keys, with the transaction that changed each last. */
export interface PendingRows {
  /** The number of keys. */
  readonly size: number;
  /** Hands over all keys, and has none afterwards. It keeps which tables were truncated. */
  drain(): readonly PendingKey[];
  changed(table: string, key: string, xid: number): void;
  truncated(table: string, xid: number): void;
  due(): readonly ChangedTable[];
  /** Forgets what a snapshot sees, after it was copied. */
  settle(snapshot: Snapshot): void;
  isWhole(table: string): boolean;
}

/**
 * Whether a snapshot sees what a transaction has changed. PostgreSQL tells of a commit before every snapshot sees it, so that a row may have
 * been read as it was before its change although that was told.
 */
export interface Snapshot {
  sees(xid: number): boolean;
  /** SQL for the same of a column. */
  seesSql(column: string): string;
}

/** Of one table: the transaction that has truncated it last, and those that have changed its rows. */
interface Pending {
  whole?: number;
  readonly keys: Map<string, number>;
}

export function pendingRows(): PendingRows {
  const tables = new Map<string, Pending>();

  function of(table: string) {
    const known = tables.get(table) ?? { keys: new Map<string, number>() };
    tables.set(table, known);
    return known;
  }

  return {
    get size() {
      return [...tables.values()].reduce((sum, { keys }) => sum + keys.size, 0);
    },
    drain() {
      const drained = [...tables].flatMap(([table, { keys }]) =>
        [...keys].map(([key, xid]): PendingKey => ({ table, key, xid })),
      );
      for (const [table, { whole, keys }] of tables) {
        if (whole === undefined) tables.delete(table);
        else keys.clear();
      }
      return drained;
    },
    changed: (table, key, xid) => void of(table).keys.set(key, xid),
    truncated: (table, xid) => {
      of(table).whole = xid;
    },
    due: () =>
      [...tables].map(([table, { whole, keys }]) => {
        const isWhole = whole !== undefined;
        return { table, isWhole, keys: isWhole ? [] : [...keys.keys()] };
      }),
    settle(snapshot) {
      for (const [table, pending] of tables) if (isSettled(pending, snapshot)) tables.delete(table);
    },
    isWhole: (table) => tables.get(table)?.whole !== undefined,
  };
}

function isSettled(pending: Pending, { sees }: Snapshot): boolean {
  if (pending.whole !== undefined && sees(pending.whole)) delete pending.whole;
  for (const [key, xid] of pending.keys) if (sees(xid)) pending.keys.delete(key);
  return pending.whole === undefined && pending.keys.size === 0;
}

/** Reads what `pg_current_snapshot()` is as text. Changes name their transaction by its last 32 bits only. */
export function parseSnapshot(text: string): Snapshot {
  const [, max = '', list = ''] = /^\d+:(\d+):([\d,]*)$/.exec(text) ?? [];
  if (max === '') throw new SyntaxError(`No snapshot of PostgreSQL: ${text}`);
  const next = BigInt(max);
  const running = new Set(
    list
      .split(',')
      .filter(Boolean)
      .map((xid) => Number(BigInt.asUintN(32, BigInt(xid)))),
  );
  return {
    // The half of all numbers that comes before the next one was given already.
    sees: (xid) => BigInt.asIntN(32, BigInt(xid) - next) < 0n && !running.has(xid),
    seesSql: (column) =>
      `((${column} - ${BigInt.asUintN(32, next)}) & 4294967295) >= 2147483648 and ${column} <> all ('{${[...running].join()}}'::int8[])`,
  };
}
