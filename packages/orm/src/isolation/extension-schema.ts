import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { Database } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/** The schema of extensions, in the databases that tenants share. */
export interface Extensions {
  readonly schema: string;
  /**
   * Looks at it before the first statement that finds what is in it; `undefined` where that was done.
   *
   * @throws CONFIG_INVALID if it holds anything else, or if others may create something there.
   */
  check(database: Database): Promise<void> | undefined;
  /** Has the statements create extensions, once in each database. */
  create(database: Database, statements: readonly string[]): Promise<void>;
}

export function extensionsIn(pools: Pools, schema = 'extensions'): Extensions {
  const checked = new Map<string, Promise<void> | undefined>();
  const created = new Map<string, Promise<unknown>>();

  function check(database: Database): Promise<void> | undefined {
    const key = keyOf(database);
    if (checked.has(key)) return checked.get(key);
    const checking = refuseUnlessOnlyExtensions(pools, database, schema).then(
      () => void checked.set(key, undefined),
      (error: unknown) => {
        checked.delete(key);
        throw error;
      },
    );
    checked.set(key, checking);
    return checking;
  }

  async function create(database: Database, statements: readonly string[]): Promise<void> {
    if (statements.length === 0) return;
    await check(database);
    const key = [keyOf(database), ...statements].join('\0');
    const known = created.get(key);
    // One message is one transaction. Two processes that create an extension at once would disturb each other.
    const creating =
      known ??
      pools.query(
        database,
        [
          "select pg_advisory_xact_lock(hashtextextended('omnitenant:extensions', 0))",
          `create schema if not exists ${quoteName(schema)}`,
          // Its functions belong to everybody, whatever role they run as.
          `do $omnitenant$ begin if pg_has_role((select nspowner from pg_namespace where nspname = ${quoteText(schema)}), 'usage') then
             grant usage on schema ${quoteName(schema)} to public; end if; end $omnitenant$`,
          ...statements,
        ].join(';\n'),
      );
    created.set(key, creating);
    await creating.catch((error: unknown) => {
      created.delete(key);
      throw error;
    });
  }

  return { schema, check, create };
}

function keyOf({ server, database, url }: Database): string {
  return [server, database, url].join('\0');
}

/** What lies in the schema is found by every tenant, so nobody may put anything there but who installs extensions. */
async function refuseUnlessOnlyExtensions(pools: Pools, database: Database, schema: string): Promise<void> {
  const [found] = await pools.query(
    database,
    `select n.nspname,
       (select string_agg(distinct case grantee when 0 then 'everybody' else quote_ident(pg_get_userbyid(grantee)) end, ', ')
          from aclexplode(n.nspacl) where privilege_type = 'CREATE' and grantee <> n.nspowner) as creators,
       (select string_agg(name, ', ') from (
          select quote_ident(relname) as name from pg_class c
           where relnamespace = n.oid and relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not ${isMember('pg_class', 'c')}
          union all
          select quote_ident(proname) from pg_proc p where pronamespace = n.oid and not ${isMember('pg_proc', 'p')}
          union all
          select quote_ident(oprname) from pg_operator o where oprnamespace = n.oid and not ${isMember('pg_operator', 'o')}
          union all
          select quote_ident(typname) from pg_type t
           where typnamespace = n.oid and typtype in ('e', 'd', 'r') and not ${isMember('pg_type', 't')}
          order by name limit 3) as others) as others
     from pg_namespace n where n.nspname = ${quoteText(schema)}`,
  );
  const where = `The schema "${schema}" of the database "${database.database}", which createOrm's option extensions names,`;
  if (found?.['creators']) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `${where} can be written to by ${found['creators']}, and all tenants find what is in it. ` +
        `Revoke it: revoke create on schema ${quoteName(schema)} from ${String(found['creators']).replace('everybody', 'public')}`,
    );
  }
  if (found?.['others']) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `${where} holds more than extensions (${found['others']}), and all tenants would find that. ` +
        'Move it to another schema, or install the extensions in a schema of their own: alter extension … set schema …',
    );
  }
}

function isMember(catalogue: string, alias: string): string {
  return `exists (select from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${alias}.oid and d.deptype = 'e')`;
}
