import { createCache } from '@omnitenant/cache';
import { createTenancy, firstOf, fromDomain, fromSubdomain } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { config } from './mikro-orm.config.ts';

/** What the routes and jobs work with. */
export type Shop = Awaited<ReturnType<typeof openShop>>;

export async function openShop(clientUrl: string) {
  const orm = await createOrm(config(clientUrl));
  const cache = createCache();
  const resolver = firstOf(fromSubdomain('localhost'), fromDomain());
  const tenancy = createTenancy({ resources: [orm, cache], resolver });
  return { orm, em: orm.em, cache, tenancy };
}
