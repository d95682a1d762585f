import type { TenantChanges, TenantRecordChange } from '@omnitenant/core/extend';
import { type ChangeRow, toChange } from '@omnitenant/orm/extend';
import type { CentralSession } from './central-file.ts';

/** How many changes are kept for processes that ask late, and how many are read at once. */
const kept = 10_000;
const page = 1_000;

/** Writes a change into the feed, in the transaction that makes it. One process writes at a time, so numbers have the order of commits. */
export function recordChange(session: CentralSession, change: TenantRecordChange): void {
  const name = change.kind === 'domain' ? change.host : change.tenant;
  const updatedAt = change.kind === 'changed' ? (change.updatedAt ?? null) : null;
  session.run('insert into change (kind, name, updated_at) values (?, ?, ?)', change.kind, name, updatedAt);
  session.run('delete from change where number <= (select max(number) from change) - ?', kept);
}

/** What has changed since a number. */
export function changesSince(session: CentralSession, since: number | undefined): TenantChanges {
  const counter = session.get<{ seq: number }>("select seq from sqlite_sequence where name = 'change'");
  const current = counter?.seq ?? 0;
  if (since === undefined) return { until: current, complete: true, changes: [] };
  const rows = session.all<ChangeRow>(
    `select number, kind, name, updated_at from change where number > ? order by number limit ${page}`,
    since,
  );
  const first = rows[0]?.number ?? current + 1;
  const until = rows.length === page ? (rows.at(-1)?.number ?? current) : current;
  return { until, complete: first === since + 1, changes: rows.map(toChange) };
}
