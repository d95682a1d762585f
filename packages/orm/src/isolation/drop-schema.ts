import { createHash } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { markPrefix } from './marks.ts';

/**
 * The SQL that drops a schema with all that is in it, but for extensions: one that a tenant's migration has created belongs to the
 * database, and others may use it. It stays in a schema of another name. PostgreSQL lets only superusers move most of them.
 */
export async function dropSchemaSql(pools: Pools, placement: OrmPlacement, tenant: Tenant): Promise<string> {
  const name = quoteName(placement.schema);
  const namespace = `to_regnamespace(${quoteText(name)})`;
  const extensions = await pools.query(placement, `select from pg_extension where extnamespace = ${namespace}`);
  if (extensions.length === 0) return `drop schema ${name} cascade`;
  const digest = createHash('sha256').update(incarnationOf(tenant)).digest('hex').slice(0, 12);
  const kept = quoteName(`omnitenant_extensions_${digest}`);
  return [
    dropAllButExtensions(namespace),
    `comment on schema ${name} is ${quoteText(`${markPrefix} extensions`)}`,
    `alter schema ${name} owner to current_user`,
    `alter schema ${name} rename to ${kept}`,
  ].join(';\n');
}

/** What an extension has made depends on it (`e`). What a `cascade` has dropped already has no name. */
function dropAllButExtensions(namespace: string): string {
  return `do $drop$ declare one record; name record; begin
    for one in select classid, objid from pg_depend d
      where refclassid = 'pg_namespace'::regclass and refobjid = ${namespace} and classid <> 'pg_extension'::regclass
      and not exists (select from pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e')
    loop
      select type, identity into name from pg_identify_object(one.classid, one.objid, 0);
      if name.identity is not null then execute format('drop %s if exists %s cascade', name.type, name.identity); end if;
    end loop;
  end $drop$`;
}
