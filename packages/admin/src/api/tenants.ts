import type { ApiParts, Handlers } from './handlers.ts';
import { pageOf } from './page-of.ts';
import { readDetail, readTenant, searchOf, summaryOf } from './tenant-view.ts';

/** Looks at tenants. What is read is never older than the request. */
export function tenantHandlers({ tenancy, orm, queues }: ApiParts): Handlers<'tenants' | 'tenant' | 'tenantQueues'> {
  return {
    async tenants({ query: { limit, ...query } }) {
      const found = await searchOf(orm).page({ ...query, limit: limit + 1 });
      const { shown, next } = pageOf(found, limit, ({ tenant }) => tenant.id);
      return { tenants: shown.map(({ tenant, version }) => summaryOf(tenant, version)), next };
    },

    tenant: ({ params: { id = '' } }) => readDetail(orm, id),

    async tenantQueues({ params: { id = '' } }) {
      const { tenant } = await readTenant(orm, id);
      const counted = () =>
        Promise.all(queues.map(async (queue) => ({ name: queue.name, counts: await queue.getJobCounts() })));
      return { queues: await tenancy.run(tenant.id, counted) };
    },
  };
}
