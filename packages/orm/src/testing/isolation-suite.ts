import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Options } from '@mikro-orm/core';
import { createTenancy, isTenancyError, type Tenancy, type TenancyErrorCode, type Tenant } from '@omnitenant/core';
import { createOrm, type Orm } from '../orm.ts';
import type { OrmOptions } from '../orm-options.ts';
import { isolationCases } from './isolation-cases.ts';
import { AddCountries, Author, Book, Country, CreateLibrary, libraryEntities, Tag } from './library.ts';

/** What the isolation suite needs to hold an isolation to its promises. */
export interface IsolationSuiteOptions {
  /** The runner's `test`, such as vitest's or that of node:test. */
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  /** The runner's `afterAll` or `after`: what the suite made is removed there. */
  readonly after: (run: () => Promise<void>) => unknown;
  /** A MikroORM configuration without entities, whose database the suite may fill; such as `defineConfig({ clientUrl })`. */
  readonly config: Partial<Options> | (() => Partial<Options> | Promise<Partial<Options>>);
  /** What the application gives `createOrm` besides. */
  readonly orm?: OrmOptions;
  /** The isolations that the suite's tenants get, in turn. */
  readonly isolations: readonly string[];
  /** How many tenants are interleaved. Default: 6. */
  readonly tenants?: number;
  /** Cases that do not apply, by name, each with a reason. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

/** The application under test, with tenants that hold the same primary keys and different rows. */
export interface Library {
  readonly tenancy: Tenancy<Tenant>;
  readonly orm: Orm;
  readonly tenants: readonly string[];
  /** Makes a further tenant, as for a case that changes what it finds. */
  create(id: string): Promise<string>;
}

/**
 * Registers the cases that each isolation of tenants' rows must pass: no read, write, transaction, cache entry or raw
 * statement of one tenant reaches another, under concurrency and after errors, and without a tenant everything refuses.
 *
 * @example
 * isolationSuite({ test, after: afterAll, config: defineConfig({ clientUrl }), isolations: ['schema'] });
 */
export const isolationSuite = (options: IsolationSuiteOptions): void => {
  const { test, after, skip = [] } = options;
  let opened: Promise<Library> | undefined;
  const library = () => (opened ??= openLibrary(options));

  for (const [name, run] of Object.entries(isolationCases)) {
    if (!skip.some((entry) => entry.test === name)) test(name, async () => run(await library()));
  }
  after(async () => {
    if (opened) await closeLibrary(await opened);
  });
};

const openLibrary = async ({
  config,
  orm: ormOptions,
  isolations,
  tenants: count = 6,
}: IsolationSuiteOptions): Promise<Library> => {
  const orm = await createOrm(
    {
      ...(typeof config === 'function' ? await config() : config),
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    } as Options,
    { ...ormOptions, shared: [Country] },
  );
  const tenancy = createTenancy({ store: orm.store, resources: [orm] });
  await tenancy.migrateCentral();
  let made = 0;
  const create = async (id: string): Promise<string> => {
    const isolation = isolations[made++ % isolations.length] as string;
    await tenancy.tenants.create({ id, isolation });
    await tenancy.run(id, () => fill(orm, id));
    return id;
  };
  const tenants: string[] = [];
  for (let n = 1; n <= count; n += 1) tenants.push(await create(`tenant-${n}`));
  return { tenancy, orm, tenants, create };
};

const closeLibrary = async ({ tenancy }: Library): Promise<void> => {
  for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
  await tenancy.close();
};

/** The tenant's id is in every value, so that a row of another tenant shows at once. */
const fill = (orm: Orm, id: string): Promise<void> =>
  orm.em.transactional(async (em) => {
    const [first, second] = [
      em.create(Author, { name: `first of ${id}` }),
      em.create(Author, { name: `second of ${id}` }),
    ];
    const tag = em.create(Tag, { name: `tag of ${id}` });
    em.create(Book, { title: `a of ${id}`, author: first, tags: [tag] });
    em.create(Book, { title: `b of ${id}`, author: second });
    em.create(Country, { code: 'nl', name: `Nederland of ${id}` });
  });

/** The first author of the scope's tenant. */
export const firstAuthor = (em: Orm['em']): Promise<Author> =>
  em.findOneOrFail(Author, { name: { $like: '%first of%' } });

/** The first book of the scope's tenant. */
export const firstBook = (em: Orm['em']): Promise<Book> => em.findOneOrFail(Book, { title: { $like: 'a of%' } });

/** Awaits a refusal of that code. */
export const refuses = async (code: TenancyErrorCode, attempt: () => unknown): Promise<void> => {
  await assert.rejects(
    async () => await attempt(),
    (error: unknown) => {
      assert.ok(isTenancyError(error, code), `expected a refusal (${code}), not: ${error}`);
      return true;
    },
  );
};

/** Asserts that every row, or text, belongs to the tenant, and that there are at least so many. */
export const own = (
  tenant: string,
  rows: readonly (string | { readonly name?: string; readonly title?: string })[],
  least = 1,
): void => {
  assert.ok(rows.length >= least, `expected ${least} rows of ${tenant}, found ${rows.length}`);
  for (const row of rows) {
    const text = typeof row === 'string' ? row : (row.name ?? row.title);
    assert.match(String(text), new RegExp(`of ${tenant}$`), `a row that is not of ${tenant}`);
  }
};

/** Lets other scopes run in between. */
export const yieldToOthers = (): Promise<void> => turn();
