import type { Options } from '@mikro-orm/core';
import { createTenancy, type Tenant } from '@omnitenant/core';
import type { Placement, StoringResource } from '@omnitenant/core/extend';
import { createOrm, type Orm } from '../orm.ts';
import type { OrmOptions } from '../orm-options.ts';
import type { Library } from './assertions.ts';
import { postgresql, type SkippedCase, type SuiteDialect } from './dialect.ts';
import { isolationCases } from './isolation-cases.ts';
import { Author, Book, Country, libraryEntities, libraryMigrations, Tag, tenantEntities } from './library.ts';

/** The options of `isolationSuite`. */
export type IsolationSuiteOptions = PostgresqlSuiteOptions | DatabaseSuiteOptions;

/** What the suite takes on every database. */
interface SuiteOptions {
  /** The runner's `test`, such as vitest's or that of node:test. */
  readonly test: {
    (name: string, run: () => Promise<void>): unknown;
    readonly skip: (name: string, run: () => Promise<void>) => unknown;
  };
  /** The runner's `afterAll` or `after`: the suite removes there what it created. */
  readonly after: (run: () => Promise<void>) => unknown;
  /** The number of concurrent tenants. Default: 6. */
  readonly tenants?: number | undefined;
  /** Cases that do not apply, by name, each with the reason that the runner shows. */
  readonly skip?: readonly SkippedCase[] | undefined;
}

/** The options of `isolationSuite` on PostgreSQL. */
export interface PostgresqlSuiteOptions extends SuiteOptions {
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
}

/** The options of `isolationSuite` on another database. */
export interface DatabaseSuiteOptions extends SuiteOptions {
  /** Creates the resource for the suite's entities and migrations, as by `createSqlite(defineConfig(library), { folder })`. */
  readonly open: (library: SuiteLibrary) => Promise<SuiteResource>;
  /** What the suite sends to this database. */
  readonly dialect: SuiteDialect;
}

/** The part of a MikroORM configuration that is the suite's. */
export type SuiteLibrary = Required<Pick<Options, 'entities' | 'migrations'>>;

/** A resource with an EntityManager to inject. */
export interface SuiteResource extends StoringResource<unknown, Tenant> {
  readonly em: unknown;
}

/**
 * Registers the cases that each isolation of tenants' rows must pass: no read, write, transaction, cache entry or raw
 * statement of one tenant reaches another, under concurrency and after errors, and without a tenant everything refuses.
 *
 * @example
 * isolationSuite({ test, after: afterAll, config: defineConfig({ clientUrl }), isolations: ['schema'] });
 *
 * @example
 * isolationSuite({ test, after: afterAll, open: (library) => createSqlite(defineConfig(library), { folder }), dialect });
 */
export function isolationSuite(options: IsolationSuiteOptions): void {
  const { test, after } = options;
  const skip = [...dialectOf(options).skip, ...(options.skip ?? [])];
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

function dialectOf(options: IsolationSuiteOptions): SuiteDialect {
  return 'dialect' in options ? options.dialect : postgresql;
}

async function openLibrary(options: IsolationSuiteOptions): Promise<Library> {
  const dialect = dialectOf(options);
  const migrations = { migrationsList: [...libraryMigrations(dialect)] };
  const orm =
    'open' in options
      ? ((await options.open({ entities: tenantEntities, migrations })) as SuiteResource & Pick<Orm, 'em'>)
      : await openOnPostgresql(options, migrations);
  const { isolations, movedTo, placement } = 'open' in options ? ownDatabases : options;
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
  for (let n = 1; n <= (options.tenants ?? 6); n += 1) tenants.push(await create(`tenant-${n}`));
  const targets = movedTo === undefined ? [] : tenants;
  await Promise.all(targets.map((id, n) => tenancy.tenants.move(id, { isolation: movedTo?.[n % movedTo.length] })));
  return { tenancy, orm, dialect, tenants, create };
}

/** Where each tenant has a database of its own, and there is no other isolation. */
const ownDatabases: Pick<PostgresqlSuiteOptions, 'isolations' | 'movedTo' | 'placement'> = { isolations: ['database'] };

async function openOnPostgresql(
  { config, orm }: PostgresqlSuiteOptions,
  migrations: SuiteLibrary['migrations'],
): Promise<Orm> {
  const given = typeof config === 'function' ? await config() : config;
  return createOrm({ ...given, entities: libraryEntities, migrations } as Options, { ...orm, shared: [Country] });
}

async function closeLibrary({ tenancy }: Library): Promise<void> {
  for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
  await tenancy.close();
}

/** The tenant's id is in every value, so that a row of another tenant shows at once. */
function fill({ em: injected }: Library['orm'], id: string): Promise<void> {
  return injected.transactional(async (em) => {
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
