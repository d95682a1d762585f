import { type IQueueBackend, type JobType, RedisQueueBackend } from 'bullmq';
import { callIndex } from './job-index/job-index.ts';
import { countsOfTenant, idsOfTenant, type Range } from './job-index/tenant-jobs.ts';
import { isOwnId, ownerIn } from './jobs/owned-options.ts';
import type { Owner } from './jobs/owner.ts';

/** A tenant's own view of a queue: from the index on Redis; elsewhere by reading all jobs, page by page. */
export interface TenantView {
  /** The ids of the tenant's jobs of each type, from `start` to `end` of that type. */
  ids(types: readonly JobType[], range: Range): Promise<string[]>;
  counts(types: readonly JobType[]): Promise<Record<string, number>>;
  scheduleIds(): Promise<string[]>;
}

export function tenantView(backend: IQueueBackend, owner: Owner): TenantView {
  if (backend instanceof RedisQueueBackend) {
    return {
      ids: (types, range) => idsOfTenant(backend, owner, types, range),
      counts: (types) => countsOfTenant(backend, owner, types),
      scheduleIds: async () => (await callIndex(backend, 'schedules', owner)) as string[],
    };
  }
  const everything = { start: 0, end: -1, ascending: true };
  return {
    async ids(types, range) {
      const ids: string[] = [];
      for (const type of types) ids.push(...(await listed(backend, owner, type, range)));
      return ids;
    },
    async counts(types) {
      const counts: Record<string, number> = {};
      for (const type of types) counts[type] = (await listed(backend, owner, type, everything)).length;
      return counts;
    },
    async scheduleIds() {
      // Ids and times alternate.
      const found = await backend.getJobSchedulersRange(0, -1, true);
      return found.filter((id, index) => index % 2 === 0 && isOwnId(owner, id));
    },
  };
}

const pageSize = 200;

async function listed(backend: IQueueBackend, owner: Owner, type: JobType, range: Range): Promise<string[]> {
  const { start, end, ascending } = range;
  const own: string[] = [];
  for (let from = 0; end < 0 || own.length <= end; from += pageSize) {
    const ids = (await backend.getRanges([type], from, from + pageSize - 1, ascending)).flat();
    const jobs = await Promise.all(ids.map((id) => backend.getJobData(id)));
    own.push(...ids.filter((_, index) => ownerIn(jobs[index]?.opts) === owner));
    if (ids.length < pageSize) break;
  }
  return own.slice(start, end === -1 ? undefined : end + 1);
}
