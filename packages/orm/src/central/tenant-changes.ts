import { randomUUID } from 'node:crypto';
import type { TenantChanges, TenantRecordChange } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { changeCounterTable, changeTable, outboxTable, subscriberTable } from './internal-tables.ts';
import type { EventDraft } from './tenant-events.ts';

/** Where PostgreSQL tells whoever listens that there are changes, when they are committed. */
export const changeChannel = 'omnitenant_change';

/** How many changes are kept for processes that ask late, and how many are read at once. */
const kept = 10_000;
const page = 1_000;

/** A change, and what subscribers are told of it. */
export type RecordedChange = TenantRecordChange & { readonly event?: EventDraft | undefined };

/**
 * Writes changes into the feed, and their events into the outbox, in the transaction that makes them. Their numbers come from one row that
 * stays locked until the commit, so that they have the order of commits: a sequence would give a number to what commits later. A subscriber
 * that is being forgotten is waited for, and is no subscriber then: its message would have none. All subscribers are told the same time.
 */
export async function recordChanges(em: TenantEntityManager, changes: readonly RecordedChange[]): Promise<void> {
  const rows = changes.map(() => '(?, ?, ?::bigint, ?, ?, ?, ?::timestamptz, ?)').join(', ');
  const values = changes.flatMap(({ event, ...change }) => [
    change.kind,
    change.kind === 'domain' ? change.host : change.tenant,
    change.kind === 'changed' ? (change.updatedAt ?? null) : null,
    ...(event === undefined ? [null, null, null, null] : [randomUUID(), event.type, event.tenant, event.createdAt]),
    event?.host ?? null,
  ]);
  await em.execute(
    `with counter as (update ${changeCounterTable} set number = number + ? returning number, clock_timestamp() as at),
     pruned as (delete from ${changeTable} using counter where ${changeTable}.number <= counter.number - ?),
     change as (
       select counter.number - ? + row_number() over () as number, counter.at, made.* from counter,
         (values ${rows}) as made (kind, name, updated_at, event, type, tenant, created_at, host)
     ),
     told as (
       insert into ${outboxTable} (subscriber, number, id, type, tenant, created_at, host, at)
       select subscriber.name, change.number, event, type, tenant, created_at, host, at
       from change join ${subscriberTable} as subscriber on subscriber.types @> to_jsonb(type) for key share of subscriber
     )
     insert into ${changeTable} (number, kind, name, updated_at) select number, kind, name, updated_at from change
     returning pg_notify('${changeChannel}', '')`,
    [changes.length, kept, changes.length, ...values],
  );
}

/** What has changed since a number. */
export async function changesSince(em: TenantEntityManager, since: number | undefined): Promise<TenantChanges> {
  const rows = await em.execute<ChangeRow[]>(
    `select counter.number as current, change.number, kind, name, updated_at as version from ${changeCounterTable} as counter
     left join ${changeTable} as change on change.number > coalesce(?, counter.number) order by change.number limit ${page}`,
    [since ?? null],
  );
  const current = Number(rows[0]?.current ?? 0);
  const found = rows.filter(({ number }) => number !== null);
  const first = found[0] === undefined ? current + 1 : Number(found[0].number);
  const until = found.length === page ? Number(found.at(-1)?.number) : current;
  return {
    until,
    complete: since === undefined || first === since + 1,
    changes: found.map(changeOf),
  };
}

interface ChangeRow {
  readonly current: string;
  readonly number: string | null;
  readonly kind: TenantRecordChange['kind'];
  readonly name: string;
  readonly version: string | null;
}

function changeOf({ kind, name, version }: ChangeRow): TenantRecordChange {
  if (kind === 'domain') return { kind, host: name };
  if (kind === 'removed') return { kind, tenant: name };
  return { kind, tenant: name, updatedAt: version === null ? undefined : Number(version) };
}
