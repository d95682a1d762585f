import type { TenantChanges, TenantRecordChange } from '@omnitenant/core/extend';
import { type ChangeRow, toChange } from '@omnitenant/orm/extend';
import type { AdminSession } from './admin.ts';

/** How many changes are kept for processes that ask late, how often older ones are deleted, and how many are read at once. */
const kept = 10_000;
const cleanedEach = 500;
const page = 1_000;

/** Writes a change into the feed, in the transaction that makes it and holds the counter: numbers have the order of commits. */
export async function recordChange(session: AdminSession, change: TenantRecordChange): Promise<void> {
  const name = change.kind === 'domain' ? change.host : change.tenant;
  const updatedAt = change.kind === 'changed' ? (change.updatedAt ?? null) : null;
  await session.run('update counter set last_change = last_change + 1 where one = 1');
  await session.run(
    'insert into record_change (number, kind, name, updated_at) select last_change, ?, ?, ? from counter where one = 1',
    ...[change.kind, name, updatedAt],
  );
  const row = await session.get<{ last: number }>('select last_change as last from counter where one = 1');
  const last = row?.last ?? 0;
  if (last % cleanedEach === 0) await session.run('delete from record_change where number <= ?', last - kept);
}

/** What has changed since a number, as it was at one moment: one statement reads the counter and the changes. */
export async function changesSince(session: AdminSession, since: number | undefined): Promise<TenantChanges> {
  const rows = await session.all<ChangeRow & { last: number; number: number | null }>(
    `select last_change as last, number, kind, name, updated_at from counter
     left join (select * from record_change where number > ? order by number limit ${page}) as recent on true
     where one = 1 order by number`,
    since ?? Number.MAX_SAFE_INTEGER,
  );
  const last = rows[0]?.last ?? 0;
  if (since === undefined) return { until: last, complete: true, changes: [] };
  const changes = rows.filter(({ number }) => number !== null);
  const first = changes[0]?.number ?? last + 1;
  const until = changes.length === page ? (changes.at(-1)?.number ?? last) : last;
  return { until, complete: first === since + 1, changes: changes.map(toChange) };
}
