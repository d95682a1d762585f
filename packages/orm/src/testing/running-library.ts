import type { Options } from '@mikro-orm/core';
import { createTenancy, type Tenancy, type Tenant } from '@omnitenant/core';
import { createOrm, type Orm } from '../orm.ts';
import type { OrmOptions } from '../orm-options.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from './library.ts';

/** A library that runs: its tenants each have one author, `first of <id>`. */
export interface RunningLibrary extends AsyncDisposable {
  readonly tenancy: Tenancy<Tenant>;
  readonly orm: Orm;
}

/** The tenants to make, by id: each with its isolation, and a placement where it has one of its own. */
export type LibraryTenants = Readonly<
  Record<string, { readonly isolation: string; readonly placement?: Tenant['placement'] }>
>;

/** Starts the library on a database that it may fill. Disposing of it removes what it made. */
export const runLibrary = async (
  config: Partial<Options>,
  tenants: LibraryTenants = {},
  options: OrmOptions = {},
): Promise<RunningLibrary> => {
  const orm = await createOrm(
    {
      ...config,
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    } as Options,
    { ...options, shared: [Country] },
  );
  const tenancy = createTenancy({ store: orm.store, resources: [orm] });
  await tenancy.migrateCentral();
  for (const [id, placed] of Object.entries(tenants)) {
    await tenancy.tenants.create({ id, ...placed });
    await tenancy.run(id, () => orm.em.insert(Author, { name: `first of ${id}` }));
  }
  const close = async () => {
    try {
      for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
    } finally {
      await tenancy.close();
    }
  };
  return { tenancy, orm, [Symbol.asyncDispose]: close };
};
