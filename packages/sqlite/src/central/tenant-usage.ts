import type { UsageFilter, UsageRecord, UsageStore } from '@omnitenant/core/extend';
import { type CountsRow, toCounts, toSum, type UsageRow } from '@omnitenant/orm/extend';
import type { CentralFile, CentralSession } from './central-file.ts';

/** For how long a batch is known to have been added. */
const knownMs = 24 * 3_600_000;

const counts = 'statements, milliseconds, rows, jobs, cache_bytes';
const sums = counts.replaceAll(/\w+/g, 'sum($&) as $&');
const isWanted = 'day >= ? and day < ? and (? is null or tenant = ?)';

function valuesOf({ since = '', until = '~', tenant }: UsageFilter): readonly (string | null)[] {
  return [since, until, tenant ?? null, tenant ?? null];
}

/** Usage in central's file. */
export function fileUsage(central: CentralFile): UsageStore {
  return {
    add: ({ id, records, keepSince }) =>
      central.write((session) => {
        const now = Date.now();
        session.run('delete from usage_batch where added_at < ?', now - knownMs);
        if (session.run('insert or ignore into usage_batch (id, added_at) values (?, ?)', id, now) === 0) return [];
        const sums = records.map((record) => addRecord(session, record));
        session.run('delete from usage where day < ?', keepSince);
        return sums;
      }),

    read: (filter) =>
      central.read((session) =>
        session
          .all<UsageRow>(
            `select tenant, created_at, ${sums} from usage where ${isWanted} group by tenant, created_at order by tenant, created_at`,
            ...valuesOf(filter),
          )
          .map(toSum),
      ),

    days: (filter) =>
      central.read((session) =>
        session
          .all<CountsRow & { day: string }>(
            `select day, ${sums} from usage where ${isWanted} group by day order by day`,
            ...valuesOf(filter),
          )
          .map((row) => ({ day: row.day, ...toCounts(row) })),
      ),
  };
}

function addRecord(session: CentralSession, record: UsageRecord): UsageRecord {
  const { tenant, createdAt, day, statements, milliseconds, rows, jobs, cacheBytes } = record;
  const key = [tenant, createdAt.getTime(), day] as const;
  session.run(
    `insert into usage (tenant, created_at, day, ${counts}) values (?, ?, ?, ?, ?, ?, ?, ?)
     on conflict do update set statements = statements + excluded.statements, milliseconds = milliseconds + excluded.milliseconds,
     rows = rows + excluded.rows, jobs = jobs + excluded.jobs, cache_bytes = cache_bytes + excluded.cache_bytes`,
    ...[...key, statements, milliseconds, rows, jobs, cacheBytes],
  );
  const sum = session.get<UsageRow>('select * from usage where tenant = ? and created_at = ? and day = ?', ...key);
  return { ...toSum(sum as UsageRow), day };
}
