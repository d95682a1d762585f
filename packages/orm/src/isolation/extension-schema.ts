import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { isOfExtension } from '../sql/extensions.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { onceEach } from './once-each.ts';

/** The schema of extensions, in the databases that tenants share. */
export interface Extensions {
  readonly schema: string;
  /**
   * Looks at it before the first statement that finds what is in it; `undefined` where that was done.
   *
   * @throws CONFIG_INVALID if it holds anything else, or if others may create something there.
   */
  check(database: Database): Promise<void> | undefined;
  /**
   * Has the statements create extensions, once in each database.
   *
   * @throws CONFIG_INVALID if one that has operators is in another schema: no tenant's statement would find them, and some types would be
   * compared as texts without any message.
   */
  create(database: Database, statements: readonly string[]): Promise<void>;
}

export function extensionsIn(pools: Pools, schema = 'extensions'): Extensions {
  const check = onceEach(keyOf, (database: Database) => refuseUnlessOnlyExtensions(pools, database, schema));
  const created = onceEach<{ database: Database; statements: readonly string[] }>(
    ({ database, statements }) => [keyOf(database), ...statements].join('\0'),
    async ({ database, statements }) => {
      await check(database);
      await pools.query(database, createSql(schema, statements)).catch((error: unknown) => {
        throw codeOf(error) === sqlState.extensionElsewhere ? notFound(error as Error, database, schema) : error;
      });
    },
  );
  return {
    schema,
    check,
    create: async (database, statements) => {
      if (statements.length > 0) await created({ database, statements });
    },
  };
}

function notFound({ message }: Error, { database }: Database, schema: string): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `${message} of the database "${database}", where tenants' statements do not find its operators, which are looked for in "${schema}". ` +
      'Leave the schema out of the migration and move an extension that is there already (alter extension … set schema …), or name its schema as createOrm’s option extensions',
  );
}

function keyOf({ server, database, url }: Database): string {
  return [server, database, url].join('\0');
}

/** One message is one transaction. Two processes that create an extension at once would disturb each other. */
function createSql(schema: string, statements: readonly string[]): string {
  return [
    "select pg_advisory_xact_lock(hashtextextended('omnitenant:extensions', 0))",
    `create schema if not exists ${quoteName(schema)}`,
    // Its functions belong to everybody, whatever role they run as.
    `do $omnitenant$ begin if pg_has_role((select nspowner from pg_namespace where nspname = ${quoteText(schema)}), 'usage') then
       grant usage on schema ${quoteName(schema)} to public; end if; end $omnitenant$`,
    ...statements,
  ].join(';\n');
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
           where relnamespace = n.oid and relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not ${isOfExtension('pg_class', 'c.oid')}
          union all
          select quote_ident(proname) from pg_proc p where pronamespace = n.oid and not ${isOfExtension('pg_proc', 'p.oid')}
          union all
          select quote_ident(oprname) from pg_operator o where oprnamespace = n.oid and not ${isOfExtension('pg_operator', 'o.oid')}
          union all
          select quote_ident(typname) from pg_type t
           where typnamespace = n.oid and typtype in ('e', 'd', 'r') and not ${isOfExtension('pg_type', 't.oid')}
          order by name limit 3) as others) as others
     from pg_namespace n where n.nspname = ${quoteText(schema)}`,
  );
  const where = `The schema "${schema}" of the database "${database.database}", which createOrm's option extensions names,`;
  if (found?.['creators']) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `${where} can be written to by ${found['creators']}, and all tenants find its objects. ` +
        `Revoke it: revoke create on schema ${quoteName(schema)} from ${String(found['creators']).replace('everybody', 'public')}`,
    );
  }
  if (found?.['others']) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `${where} holds more than extensions (${found['others']}), and all tenants would find that. ` +
        'Move it to another schema, or install the extensions in a separate schema: alter extension … set schema …',
    );
  }
}
