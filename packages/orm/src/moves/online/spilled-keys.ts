import type { Tenant } from '@omnitenant/core';
import { type ArchiveSession, inArchiveSession } from '../../archive/archive-session.ts';
import { qualified } from '../../archive/copy.ts';
import type { ImportParts } from '../../archive/import-tenant.ts';
import { movedKeysTable } from '../../archive/tenant-tables.ts';
import { quoteText } from '../../sql/quote.ts';
import type { PendingKey, Snapshot } from './pending-rows.ts';

/**
 * Keys of changed rows that are too many for memory, in a table at the new place. Whatever ends the move before the switch destroys that
 * with the place.
 */
export interface SpilledKeys {
  /** The tables that there are keys of. */
  readonly tables: ReadonlySet<string>;
  add(keys: readonly PendingKey[]): Promise<void>;
  /** The keys of a table, so many at a time, in the same order each time. */
  batches(session: ArchiveSession, table: string, size: number): AsyncGenerator<readonly string[]>;
  /** Forgets what a snapshot sees, after it was copied. */
  settle(snapshot: Snapshot): Promise<void>;
  drop(): Promise<void>;
}

/** How many keys a statement adds. */
const batchSize = 5_000;

export function spilledKeys(parts: ImportParts, into: Tenant): SpilledKeys {
  let tables: ReadonlySet<string> = new Set();
  let isThere = false;
  const there = <R>(work: (session: ArchiveSession, name: string) => Promise<R>) =>
    inArchiveSession(parts, into, 'write', (session) => work(session, qualified(session, movedKeysTable)));

  return {
    get tables() {
      return tables;
    },
    async add(keys) {
      if (keys.length === 0) return;
      await there(async (session, name) => {
        if (!isThere) {
          const columns = 'relation text, key text collate "C", xid int8 not null, primary key (relation, key)';
          await session.query(`create table ${name} (${columns})`);
        }
        for (let n = 0; n < keys.length; n += batchSize) {
          const rows = keys.slice(n, n + batchSize).map(({ table, key, xid }) => [table, key, xid]);
          await session.query(`insert into ${name} select k->>0, k->>1, (k->>2)::int8
            from json_array_elements(${quoteText(JSON.stringify(rows))}) e(k) on conflict (relation, key) do update set xid = excluded.xid`);
        }
      });
      isThere = true;
      tables = new Set([...tables, ...keys.map(({ table }) => table)]);
    },
    async *batches(session, table, size) {
      for (let last: string | undefined; ; ) {
        const later = last === undefined ? '' : `and key > ${quoteText(last)}`;
        const found = await session.query(
          `select key from ${qualified(session, movedKeysTable)} where relation = ${quoteText(table)} ${later} order by key limit ${size}`,
        );
        const keys = found.map(({ key }) => String(key));
        if (keys.length > 0) yield keys;
        if (keys.length < size) return;
        last = keys.at(-1);
      }
    },
    async settle(snapshot) {
      if (tables.size === 0) return;
      tables = await there(async (session, name) => {
        await session.query(`delete from ${name} where ${snapshot.seesSql('xid')}`);
        const left = await session.query(`select distinct relation from ${name}`);
        return new Set(left.map(({ relation }) => String(relation)));
      });
    },
    async drop() {
      if (isThere) await there((session, name) => session.query(`drop table ${name}`));
    },
  };
}
