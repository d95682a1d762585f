import type { ApiParts, Handlers } from './handlers.ts';

const dayMs = 86_400_000;

/** What tenants have used. */
export function usageHandlers({ tenancy, orm }: ApiParts): Handlers<'usage'> {
  return {
    async usage({ query: { tenant, by, limit, storage, ...range } }) {
      const { since = dayBefore(29), until } = range;
      // It writes what this process has counted, so the days have it, too.
      const used = await tenancy.usage({
        tenant,
        since: new Date(since),
        until: until === undefined ? undefined : new Date(until),
        storage: storage === 'true',
      });
      const days = (await orm.store.usage?.days({ tenant, since, until })) ?? [];
      const most = used.toSorted((one, other) => other[by] - one[by]).slice(0, limit);
      return {
        days: [...days],
        tenants: most.map(({ createdAt, storageBytes = null, ...sum }) => ({
          ...sum,
          createdAt: createdAt.toISOString(),
          storageBytes,
        })),
      };
    },
  };
}

function dayBefore(days: number): string {
  return new Date(Date.now() - days * dayMs).toISOString().slice(0, 10);
}
