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

/**
 * `clientUrl` leads to the database that central and the companies' common tables are in, with a login that may create roles: those
 * that the tables belong to, and that companies' statements run as.
 */
export async function openTracker(clientUrl: string): Promise<Tracker> {
  const orm = await createOrm(
    defineConfig({
      clientUrl,
      entities: [Project, Task],
      migrations: { path: join(import.meta.dirname, '../migrations') },
    }),
    { isolation: 'row' },
  );
  const tenancy = createTenancy({
    resources: [orm],
    resolver: firstOf(fromSubdomain('localhost'), fromDomain()),
    publicHosts: ['localhost'],
  });
  return { orm, tenancy };
}
