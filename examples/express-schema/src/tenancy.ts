import { join } from 'node:path';
import { defineConfig, type EntityManager } from '@mikro-orm/postgresql';
import { createTenancy, firstOf, fromDomain, fromSubdomain, type Tenancy } from '@omnitenant/core';
import { createOrm, type Orm, type TenantOf } from '@omnitenant/orm';
import { Company, Project, Task } from './entities.ts';

/** One MikroORM for all companies, and the tenancy that knows who they are. */
export interface Tracker {
  readonly orm: Orm<TenantOf<Company>, EntityManager>;
  readonly tenancy: Tenancy<TenantOf<Company>>;
}

/** `clientUrl` leads to the database that central and the companies' schemas are in. */
export async function openTracker(clientUrl: string): Promise<Tracker> {
  const orm = await createOrm(
    defineConfig({
      clientUrl,
      entities: [Project, Task],
      migrations: { path: join(import.meta.dirname, '../migrations') },
    }),
    { tenant: Company, isolation: 'schema' },
  );
  const tenancy = createTenancy({
    resources: [orm],
    resolver: firstOf(fromSubdomain('localhost'), fromDomain()),
    publicHosts: ['localhost'],
  });
  return { orm, tenancy };
}
