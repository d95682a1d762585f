import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';
import { type ArchiveSession, inArchiveSession, openArchiveSession } from '../../archive/archive-session.ts';
import { qualified } from '../../archive/copy.ts';
import { exportSnapshot, exportTenant } from '../../archive/export-tenant.ts';
import { type ImportParts, importTenant } from '../../archive/import-tenant.ts';
import { invalid } from '../../archive/orm-manifest.ts';
import { sharesTables } from '../../placement/placement.ts';
import { withoutTimeLimits } from '../../sql/time-limits.ts';
import { hasChanged } from '../has-changed.ts';
import type { ChangeFeed } from './change-feed.ts';
import { changedRows } from './changed-rows.ts';
import { differingTables } from './compare-places.ts';
import { copyChanged } from './copy-changed.ts';
import { parseSnapshot } from './pending-rows.ts';
import { spilledKeys } from './spilled-keys.ts';
import type { WatchedTables } from './watched-tables.ts';

/** The rounds in which a tenant is copied. */
export interface Rounds {
  /** Copies all rows as they were when the feed began. */
  copyAll(): Promise<void>;
  /** Copies what was changed until now. Returns the number of rows. */
  round(): Promise<number>;
  /** Does one more round, and compares all rows as they were at its moment. */
  compare(): Promise<void>;
  /** A table with rows that were changed since the last round. */
  left(): string | undefined;
  /** Call it when the feed is closed: at the new place there is nothing more of the rounds. */
  end(): Promise<void>;
}

interface RoundsParts {
  readonly parts: ImportParts;
  readonly from: Tenant;
  readonly into: Tenant;
  readonly watched: WatchedTables;
}

export function openRounds(feed: ChangeFeed, { parts, from, into, watched }: RoundsParts, logTable: string): Rounds {
  const tables = [...watched.found.tables.values()];
  const changed = changedRows(spilledKeys(parts, into));
  const { pending } = changed;

  function start(): void {
    feed.start((change, xid) => {
      const unknown = watched.take(change, xid, pending);
      if (unknown !== undefined) throw hasChanged(from, unknown);
      return changed.makeRoom();
    });
  }

  async function mark(): Promise<void> {
    await feed.mark().catch((error) => Promise.reject(isTenancyError(error) ? error : hasNoFeed(from, error)));
  }

  async function round(then?: (session: ArchiveSession) => Promise<void>): Promise<number> {
    return inArchiveSession(parts, from, 'read', async (session) => {
      await holdTables(session, from, watched);
      const [now] = await session.query('select pg_current_snapshot()::text as snapshot');
      const snapshot = parseSnapshot(String(now?.['snapshot']));
      // Whatever the snapshot sees was told by then.
      await mark();
      await session.bindToRows();
      const rows = await changed.settle(snapshot, async (due) => {
        const copy = (there: ArchiveSession) => copyChanged(session, there, watched, due, logTable);
        return due.length > 0 ? inArchiveSession(parts, into, 'write', copy) : 0;
      });
      await then?.(session);
      return rows;
    });
  }

  return {
    async copyAll() {
      const rows = exportTenant(parts, from, { snapshot: feed.snapshot });
      await importTenant(parts, into, afterFirst(rows, start)).finally(() => rows.return(undefined));
    },
    round: () => round(),
    async compare() {
      let keeper: Awaited<ReturnType<typeof openArchiveSession>> | undefined;
      try {
        await round(async (session) => {
          keeper = await openArchiveSession(parts, from, { snapshot: await exportSnapshot(session) });
        });
        if (keeper === undefined) return;
        const differing = await differingTables(parts, { from, into, tables, snapshot: await exportSnapshot(keeper) });
        if (differing.length === 0) return;
        // No snapshot sees what a table had before it was truncated. It is copied again.
        await mark();
        const wrong = differing.find((table) => !pending.isWhole(table));
        if (wrong !== undefined) throw invalid(`the rows of the table "${wrong}" are not the same at the new place`);
      } finally {
        keeper?.release();
      }
    },
    left: changed.left,
    end: changed.end,
  };
}

/** Calls back once the first part is there: then the snapshot was taken over, and the feed may begin. */
async function* afterFirst(parts: AsyncIterable<ArchivePart>, act: () => void): AsyncGenerator<ArchivePart> {
  let isFirst = true;
  for await (const part of parts) {
    if (isFirst) act();
    isFirst = false;
    yield part;
  }
}

/** So that what is truncated is truncated before the moment of the round, or after it was copied. Nobody truncates tables that tenants share. */
async function holdTables(session: ArchiveSession, tenant: Tenant, { found }: WatchedTables): Promise<void> {
  const names = [...found.tables.keys()].map((name) => qualified(session, name));
  const isHeld = !sharesTables(tenant) && names.length > 0;
  const lock = isHeld ? [`lock table ${names.join(', ')} in access share mode`] : [];
  await session.query([...lock, withoutTimeLimits()].join('; '));
}

function hasNoFeed({ id }: Tenant, cause: Error): TenancyError {
  const message = `Tenant "${id}" could not be moved, and is where it was: ${cause.message}. Move it again.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause });
}
