import type { UsageCounts, UsageDay, UsageRecord, UsageStore, UsageSum } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { usageBatchTable, usageTable } from './internal-tables.ts';

/** Usage in central. Each call is one statement: what it adds, it adds once and whole. */
export function centralUsage(fork: () => TenantEntityManager, ready: () => Promise<unknown>): UsageStore {
  async function execute(sql: string, parameters: readonly unknown[]): Promise<UsageRow[]> {
    await ready();
    return fork().execute<UsageRow[]>(sql, [...parameters]);
  }

  return {
    async add({ id, records, keepSince }) {
      const rows = await execute(adding, [id, keepSince, JSON.stringify(records)]);
      return rows.map((row) => ({ ...sumOf(row), day: row.day }) satisfies UsageRecord);
    },

    async read({ since, until, tenant }) {
      return (await execute(reading, [since ?? null, until ?? null, tenant ?? null])).map(sumOf);
    },

    async days({ since, until, tenant }) {
      const rows = await execute(readingDays, [since ?? null, until ?? null, tenant ?? null]);
      return rows.map((row) => ({ day: row.day, ...countsOf(row) }) satisfies UsageDay);
    },
  };
}

const counts = ['statements', 'milliseconds', 'rows', 'jobs', 'cache_bytes'];

// Rows are written in the order of their keys, so that two processes never wait for each other.
const adding = `
  with batch as (insert into ${usageBatchTable} (id) values (?) on conflict do nothing returning id),
  forgotten as (delete from ${usageBatchTable} where added_at < now() - interval '7 days'),
  outdated as (delete from ${usageTable} where day < ?::date)
  insert into ${usageTable} as kept (tenant, created_at, day, ${counts.join(', ')})
  select tenant, "createdAt", day, statements, milliseconds, rows, jobs, "cacheBytes" from jsonb_to_recordset(?::jsonb) as counted (
    tenant text, "createdAt" timestamptz, day date, statements bigint, milliseconds bigint, rows bigint, jobs bigint, "cacheBytes" bigint
  ) where exists (select from batch) order by tenant collate "C", "createdAt", day
  on conflict (tenant, created_at, day) do update set ${counts.map((name) => `${name} = kept.${name} + excluded.${name}`).join(', ')}
  returning tenant, created_at, day::text, ${counts.join(', ')}`;

const sums = counts.map((name) => `sum(${name})::bigint as ${name}`).join(', ');
const wanted = `from ${usageTable}
  where day >= coalesce(?::date, '-infinity') and day < coalesce(?::date, 'infinity') and tenant = coalesce(?, tenant)`;
const reading = `select tenant, created_at, ${sums} ${wanted} group by tenant, created_at order by tenant, created_at`;
const readingDays = `select day::text, ${sums} ${wanted} group by day order by day`;

interface UsageRow {
  readonly tenant: string;
  readonly created_at: string | Date;
  readonly day: string;
  readonly statements: string;
  readonly milliseconds: string;
  readonly rows: string;
  readonly jobs: string;
  readonly cache_bytes: string;
}

function sumOf(row: UsageRow): UsageSum {
  return {
    tenant: row.tenant,
    createdAt: new Date(row.created_at),
    ...countsOf(row),
  };
}

function countsOf(row: UsageRow): UsageCounts {
  return {
    statements: Number(row.statements),
    milliseconds: Number(row.milliseconds),
    rows: Number(row.rows),
    jobs: Number(row.jobs),
    cacheBytes: Number(row.cache_bytes),
  };
}
