import type { OnlineMove, Tenant } from '@omnitenant/core';
import { inArchiveSession } from '../../archive/archive-session.ts';
import type { ArchiveParts } from '../../archive/export-tenant.ts';
import { unavailable } from '../../connections/server-errors.ts';
import { placementOf, sharesDatabase, sharesTables } from '../../placement/placement.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { type ChangeFeed, openChangeFeed } from './change-feed.ts';
import { type WatchedTables, watchTables } from './watched-tables.ts';

/** What a tenant is copied with while it writes. */
export interface Online {
  readonly watched: WatchedTables;
  readonly openFeed: () => Promise<ChangeFeed>;
}

/** Finds it, or why the tenant cannot be written to while it is copied. Nothing of it is left open. */
export async function findOnline(
  parts: ArchiveParts,
  from: Tenant,
  into: Tenant,
  wanted: OnlineMove = 'auto',
): Promise<Online | { readonly why: string }> {
  if (wanted === 'never') return { why: 'its caller said so' };
  if (sharesTables(into))
    return { why: 'at its new place it shares tables, where triggers and foreign keys act on changes' };
  const [facts] = await parts.pools.query(
    placementOf(from),
    `select current_setting('wal_level') as level, current_setting('server_encoding') as encoding`,
  );
  if (facts?.['level'] !== 'logical')
    return { why: `its server has wal_level = ${facts?.['level']}, which has to be logical` };
  if (facts['encoding'] !== 'UTF8') return { why: `its database has the encoding ${facts['encoding']}, and not UTF8` };
  // What the tables are is read before the moment from which on changes are known, and compared afterwards.
  const logTable = await parts.logTable();
  const watched = await inArchiveSession(parts, from, 'read', (session) =>
    watchTables(session, logTable, !sharesDatabase(from)),
  );
  if ('why' in watched) return watched;
  const openFeed = () => openChangeFeed(parts.pools, placementOf(from));
  try {
    // Only who has tried knows. It is closed again, because whoever builds an index concurrently waits for its snapshot.
    await (await openFeed()).close();
    return { watched, openFeed };
  } catch (error) {
    return { why: whyNoFeed(unavailable(placementOf(from), error).message, codeOf(error)) };
  }
}

function whyNoFeed(message: string, code: string): string {
  if (code === sqlState.insufficientPrivilege)
    return 'its login may not decode changes: it lacks the attribute REPLICATION';
  if (code === sqlState.lockNotAvailable) return 'a transaction on its server has been writing for too long';
  return `its changes cannot be decoded: ${message.replace(/\.$/, '')}`;
}
