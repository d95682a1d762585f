import type { Options } from '@mikro-orm/core';
import { createTenancy, firstOf, fromDomain, fromHeader, fromSubdomain, type Tenancy } from '@omnitenant/core';
import { createOrm, type Orm, type TenantOf } from '@omnitenant/orm';
import { Company, Customer, Project, Task } from './entities.ts';
import { Migration20260105CreateTracker, Migration20260212AddTaskDone } from './migrations.ts';

/** The tracker's tenancy, and the one EntityManager that all of its code uses. */
export interface Tracker {
  readonly orm: Orm<TenantOf<Company>>;
  readonly tenancy: Tenancy<TenantOf<Company>>;
}

export async function createTracker(database: Partial<Options>): Promise<Tracker> {
  const orm = await createOrm(
    {
      ...database,
      entities: [Customer, Project, Task],
      migrations: { migrationsList: [Migration20260105CreateTracker, Migration20260212AddTaskDone] },
    },
    {
      tenant: Company,
      names: { database: (id) => `omnitenant_demo_${id}`, role: (id) => `omnitenant_demo_${id}` },
      // PostgreSQL itself refuses what a company's SQL asks of another's schema.
      roles: true,
    },
  );
  const tenancy = createTenancy({
    resources: [orm],
    resolver: firstOf(fromHeader('x-tenant'), fromSubdomain('localhost'), fromDomain()),
    publicHosts: ['localhost'],
    usage: true,
  });
  return { orm, tenancy };
}
