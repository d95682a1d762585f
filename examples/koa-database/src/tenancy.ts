import { join } from 'node:path';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, firstOf, fromDomain, fromSubdomain, type Tenancy } from '@omnitenant/core';
import { createOrm, type Orm } from '@omnitenant/orm';
import { Project, Task } from './entities.ts';

/** One MikroORM for all companies, and the tenancy that knows who they are. */
export interface Tracker {
  readonly orm: Orm;
  readonly tenancy: Tenancy;
}

/** `clientUrl` leads to the database that central is in. The databases of companies are beside it, and bear its name too. */
export async function openTracker(clientUrl: string): Promise<Tracker> {
  const central = new URL(clientUrl).pathname.slice(1);
  const orm = await createOrm(
    defineConfig({
      clientUrl,
      entities: [Project, Task],
      migrations: { path: join(import.meta.dirname, '../migrations') },
    }),
    {
      isolation: 'database',
      names: { database: (id) => `${central}_${id}` },
      // However many companies there are, the server never has more connections from this process.
      connections: { max: 10, waitMs: 5_000 },
    },
  );
  const tenancy = createTenancy({
    resources: [orm],
    resolver: firstOf(fromSubdomain('localhost'), fromDomain()),
    publicHosts: ['localhost'],
  });
  return { orm, tenancy };
}
