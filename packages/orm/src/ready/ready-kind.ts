import type { Pools } from '../connections/pools.ts';
import type { Marks } from '../isolation/marks.ts';
import { type OrmPlacement, sharesTables } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { ReadyIsolation } from './unnamed-tenant.ts';

/** Storage that bears a ready mark, or was left unfinished. */
export interface Found {
  readonly name: string;
  readonly owner: string;
  readonly mark: string | null;
}

/** What is different between ready-made schemas and databases. */
export interface ReadyKind {
  readonly isolation: ReadyIsolation;
  /** The name of the storage in a placement. */
  nameIn(placement: OrmPlacement): string;
  /** What stands before the name of unfinished and ready storage, which several applications may have on one server. */
  readonly prefix: string;
  /** SQL that lists what has a name of that form. */
  readonly list: string;
  /** SQL for the comment on a name, and SQL that sets it. */
  markOf(name: string): string;
  mark(name: string, mark: string): string;
  rename(from: string, to: string): string;
}

/** Ready-made schemas of a database, or databases of a server, of the application with this central database. */
export function readyKinds(central: Database): Readonly<Record<ReadyIsolation, ReadyKind>> {
  // Of a database that is being created, 40 characters of the name are kept in front of a suffix.
  const prefix = `${central.database
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 22)}_`;
  return {
    schema: {
      isolation: 'schema',
      prefix: '',
      nameIn: ({ schema }) => schema,
      list: `select nspname as name, pg_get_userbyid(nspowner) as owner, obj_description(oid, 'pg_namespace') as mark
        from pg_namespace where nspname >= 'ready_' and nspname < 'ready\`'`,
      markOf: (name) => `obj_description(to_regnamespace(${quoteText(quoteName(name))}), 'pg_namespace')`,
      mark: (name, mark) => `comment on schema ${quoteName(name)} is ${quoteText(mark)}`,
      rename: (from, to) => `alter schema ${quoteName(from)} rename to ${quoteName(to)}`,
    },
    database: {
      isolation: 'database',
      prefix,
      nameIn: ({ database }) => database,
      list: `select datname as name, pg_get_userbyid(datdba) as owner, shobj_description(oid, 'pg_database') as mark
        from pg_database where datname >= ${quoteText(`${prefix}ready_`)} and datname < ${quoteText(`${prefix}ready\``)}`,
      markOf: (name) =>
        `(select shobj_description(oid, 'pg_database') from pg_database where datname = ${quoteText(name)})`,
      mark: (name, mark) => `comment on database ${quoteName(name)} is ${quoteText(mark)}`,
      rename: (from, to) => `alter database ${quoteName(from)} rename to ${quoteName(to)}`,
    },
  };
}

/** The storage that is there under a name of that form. */
export async function listReady(pools: Pools, on: Database, { list }: ReadyKind): Promise<readonly Found[]> {
  return (await pools.query(on, `${list} order by 1`)) as unknown as readonly Found[];
}

/** The version in a ready mark of this application. */
export function versionIn(mark: string | null, marks: Marks): string | undefined {
  const version = /^omnitenant: ready (\S+) of /.exec(mark ?? '')?.[1];
  return version !== undefined && marks.ready(version) === mark ? version : undefined;
}

/** Whether storage that was made ahead may become that of a tenant in this placement. */
export function isReplaceable(isolation: string, { url, schema }: OrmPlacement): isolation is ReadyIsolation {
  return !sharesTables({ isolation }) && url === undefined && (isolation !== 'database' || schema === 'public');
}
