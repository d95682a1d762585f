import type { UsageFilter, UsageRecord, UsageStore } from '@omnitenant/core/extend';
import { type CountsRow, toCounts, toSum, type UsageRow } from '@omnitenant/orm/extend';
import type { Admin, AdminSession } from './admin.ts';
import { now } from './central-tables.ts';

/** For how long a batch is known to have been added. */
const knownMs = 24 * 3_600_000;

const counts = ['statements', 'milliseconds', '`rows`', 'jobs', 'cache_bytes'];
const sums = counts.map((each) => `sum(${each}) as ${each}`).join(', ');
const isWanted = 'day >= ? and day < ? and (? is null or tenant = ?)';

function valuesOf({ since = '', until = '~', tenant }: UsageFilter): readonly (string | null)[] {
  return [since, until, tenant ?? null, tenant ?? null];
}

/** Usage in central. */
export function centralUsage(admin: Admin): UsageStore {
  return {
    add: ({ id, records, keepSince }) =>
      admin.transaction(async (session) => {
        await session.run(`delete from usage_batch where added_at < ${now} - ${knownMs}`);
        if ((await session.run(`insert ignore into usage_batch (id, added_at) values (?, ${now})`, id)) === 0)
          return [];
        const added: UsageRecord[] = [];
        for (const record of records) added.push(await addRecord(session, record));
        await session.run('delete from tenant_usage where day < ?', keepSince);
        return added;
      }),

    read: async (filter) =>
      (
        await admin.all<UsageRow>(
          `select tenant, created_at, ${sums} from tenant_usage where ${isWanted} group by tenant, created_at order by tenant, created_at`,
          ...valuesOf(filter),
        )
      ).map(toSum),

    days: async (filter) =>
      (
        await admin.all<CountsRow & { day: string }>(
          `select day, ${sums} from tenant_usage where ${isWanted} group by day order by day`,
          ...valuesOf(filter),
        )
      ).map((row) => ({ day: row.day, ...toCounts(row) })),
  };
}

async function addRecord(session: AdminSession, record: UsageRecord): Promise<UsageRecord> {
  const { tenant, createdAt, day, statements, milliseconds, rows, jobs, cacheBytes } = record;
  const key = [tenant, createdAt.getTime(), day] as const;
  await session.run(
    `insert into tenant_usage (tenant, created_at, day, ${counts.join(', ')}) values (?, ?, ?, ?, ?, ?, ?, ?)
     on duplicate key update ${counts.map((each) => `${each} = ${each} + values(${each})`).join(', ')}`,
    ...[...key, statements, milliseconds, rows, jobs, cacheBytes],
  );
  const sum = await session.get<UsageRow>(
    'select * from tenant_usage where tenant = ? and created_at = ? and day = ?',
    ...key,
  );
  return { ...toSum(sum as UsageRow), day };
}
