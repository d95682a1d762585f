import type { OnlineMove, Tenant } from '@omnitenant/core';
import { inArchiveSession } from '../../archive/archive-session.ts';
import type { ArchiveParts } from '../../archive/export-tenant.ts';
import { unavailable } from '../../connections/server-errors.ts';
import { placementOf, sharesDatabase, sharesTables } from '../../placement/placement.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { type ChangeFeed, openChangeFeed } from './change-feed.ts';
import type { NotOnline } from './not-online.ts';
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
): Promise<Online | NotOnline> {
  if (wanted === 'never') return { why: 'its caller said so', remedy: 'Leave out the option' };
  if (sharesTables(into)) {
    const why = 'at its new place it shares tables, where triggers and foreign keys act on changes';
    return { why, remedy: 'Move it to isolation "schema" or "database"' };
  }
  const [facts] = await parts.pools.query(
    placementOf(from),
    `select current_setting('wal_level') as level, current_setting('server_encoding') as encoding`,
  );
  const { level, encoding } = facts as Record<'level' | 'encoding', string>;
  if (level !== 'logical') {
    const why = `its server has wal_level = ${level}, which has to be logical`;
    return { why, remedy: 'Change that setting and restart the server' };
  }
  if (encoding !== 'UTF8') {
    const why = `its database has the encoding ${encoding}, and not UTF8`;
    return { why, remedy: 'A database keeps its encoding, so stop its writes meanwhile' };
  }
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
    return noFeed(unavailable(placementOf(from), error).message, codeOf(error));
  }
}

function noFeed(message: string, code: string): NotOnline {
  if (code === sqlState.insufficientPrivilege) {
    const why = 'its login may not decode changes: it lacks the attribute REPLICATION';
    return { why, remedy: 'Give it that with "alter role … replication"' };
  }
  if (code === sqlState.lockNotAvailable) {
    const why = 'a transaction on its server has been writing for too long';
    return { why, remedy: 'Move it again when that has ended' };
  }
  const why = `its changes cannot be decoded: ${message.replace(/\.$/, '')}`;
  return {
    why,
    remedy: 'The server needs a free replication slot and WAL sender, and a connection that is no pooler’s',
  };
}
