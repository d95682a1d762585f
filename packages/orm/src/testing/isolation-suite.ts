import type { Options } from '@mikro-orm/core';
import { createTenancy } from '@omnitenant/core';
import type { Placement } from '@omnitenant/core/extend';
import { createOrm, type Orm } from '../orm.ts';
import type { OrmOptions } from '../orm-options.ts';
import type { Library } from './assertions.ts';
import { isolationCases } from './isolation-cases.ts';
import { AddCountries, Author, Book, Country, CreateLibrary, libraryEntities, Tag } from './library.ts';

/** The options of `isolationSuite`. */
export interface IsolationSuiteOptions {
  /** The runner's `test`, such as vitest's or that of node:test. */
  readonly test: {
    (name: string, run: () => Promise<void>): unknown;
    readonly skip: (name: string, run: () => Promise<void>) => unknown;
  };
  /** The runner's `afterAll` or `after`: the suite removes there what it created. */
  readonly after: (run: () => Promise<void>) => unknown;
  /** A MikroORM configuration without entities, whose database the suite may write to, such as `defineConfig({ clientUrl })`. */
  readonly config: Partial<Options> | (() => Partial<Options> | Promise<Partial<Options>>);
  /** The other options of `createOrm`. */
  readonly orm?: OrmOptions | undefined;
  /** The isolations of the suite's tenants, assigned in turn. */
  readonly isolations: readonly string[];
  /** The isolations that the tenants are moved to once they have rows, in turn. Default: they stay. */
  readonly movedTo?: readonly string[] | undefined;
  /** The tenants' placement. Default: the one that the configuration leads to. */
  readonly placement?: Placement | undefined;
  /** The number of concurrent tenants. Default: 6. */
  readonly tenants?: number | undefined;
  /** Cases that do not apply, by name, each with the reason that the runner shows. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[] | undefined;
}

/**
 * Registers the cases that each isolation of tenants' rows must pass: no read, write, transaction, cache entry or raw
 * statement of one tenant reaches another, under concurrency and after errors, and without a tenant everything refuses.
 *
 * @example
 * isolationSuite({ test, after: afterAll, config: defineConfig({ clientUrl }), isolations: ['schema'] });
 */
export function isolationSuite(options: IsolationSuiteOptions): void {
  const { test, after, skip = [] } = options;
  let opened: Promise<Library> | undefined;
  const library = () => (opened ??= openLibrary(options));

  for (const skipped of skip) {
    if (!(skipped.test in isolationCases)) throw new Error(`isolationSuite has no test "${skipped.test}" to skip.`);
  }
  for (const [name, run] of Object.entries(isolationCases)) {
    const hold = async () => run(await library());
    const skipped = skip.find((candidate) => candidate.test === name);
    if (skipped === undefined) test(name, hold);
    else test.skip(`${name} (${skipped.reason})`, hold);
  }
  after(async () => {
    if (opened) await closeLibrary(await opened);
  });
}

async function openLibrary({
  config,
  orm: ormOptions,
  isolations,
  movedTo = [],
  placement,
  tenants: count = 6,
}: IsolationSuiteOptions): Promise<Library> {
  const orm = await createOrm(
    {
      ...(typeof config === 'function' ? await config() : config),
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    } as Options,
    { ...ormOptions, shared: [Country] },
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  let created = 0;
  async function create(id: string): Promise<string> {
    const isolation = isolations[created++ % isolations.length] as string;
    await tenancy.tenants.create({ id, isolation, ...(placement && { placement }) });
    await tenancy.run(id, () => fill(orm, id));
    return id;
  }
  const tenants: string[] = [];
  for (let n = 1; n <= count; n += 1) tenants.push(await create(`tenant-${n}`));
  const targets = movedTo.length > 0 ? tenants : [];
  await Promise.all(targets.map((id, n) => tenancy.tenants.move(id, { isolation: movedTo[n % movedTo.length] })));
  return { tenancy, orm, tenants, create };
}

async function closeLibrary({ tenancy }: Library): Promise<void> {
  for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
  await tenancy.close();
}

/** The tenant's id is in every value, so that a row of another tenant shows at once. */
function fill(orm: Orm, id: string): Promise<void> {
  return orm.em.transactional(async (em) => {
    const [first, second] = [
      em.create(Author, { name: `first of ${id}` }),
      em.create(Author, { name: `second of ${id}` }),
    ];
    const tag = em.create(Tag, { name: `tag of ${id}` });
    em.create(Book, { title: `a of ${id}`, author: first, tags: [tag] });
    em.create(Book, { title: `b of ${id}`, author: second });
    em.create(Country, { code: 'nl', name: `Nederland of ${id}` });
  });
}
