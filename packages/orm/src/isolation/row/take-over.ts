import { setTimeout } from 'node:timers/promises';
import { TenancyError } from '@omnitenant/core';
import { isTenantId } from '@omnitenant/core/extend';
import type { Pools } from '../../connections/pools.ts';
import { tenantSetting } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import { currentTenant, formerTenants, rowRoles, rowsMark, tenantColumn } from '../../placement/shared-tables.ts';
import { type Database, lastOf, type SqlClient } from '../../sql/client.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { isOfExtension } from '../../sql/extensions.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { withoutTimeLimits } from '../../sql/time-limits.ts';
import { markOfSchema, markPrefix } from '../marks.ts';
import { isSame } from '../storage.ts';
import { type Catalogue, catalogueQuery, readCatalogue } from './catalogue.ts';
import { asOwner, idOf, rememberKey } from './former-tenants.ts';
import { stillInUse } from './lock-holders.ts';
import { isMarked, lockOf, rolesOf, type SharedSchema, shareSchema } from './prepare.ts';
import { protect, type Query } from './protect.ts';
import { isTable } from './requirements.ts';
import { tenantKeys } from './tenant-keys.ts';

/** What is taken over, and what is known of it. */
export interface TakeOver {
  readonly placement: SharedSchema;
  readonly central: Database;
  readonly logTable: string;
  /** The tenant that rows without a tenant belong to. */
  readonly rowsOf: string | undefined;
  /** What signs the tenants from now on, where they have a login of their own. */
  readonly wall: RowWall | undefined;
  /** How long tables that are in use are waited for, in milliseconds. */
  readonly waitMs: number;
  /** The keys of the tenants that are recorded in this schema. */
  readonly recorded: ReadonlySet<string>;
}

/**
 * Makes a schema with its tables and rows one that tenants share: marks it, gives it to its owner, and protects its tables, in one
 * transaction. Gives back the keys of rows that no recorded tenant has; a tenant can adopt them. Once more changes nothing.
 *
 * Each attempt waits for a lock less long than PostgreSQL takes to end a deadlock, so that whoever waits behind it does not wait for
 * longer. Between attempts there is a pause, in which they go on.
 *
 * @throws PROVISION_FAILED where the schema is not there or somebody else's, CONFIG_INVALID where the login may not do it,
 * MIGRATE_FAILED where something in it cannot be protected, or stays in use. Then nothing was changed.
 */
export async function takeOverRows(pools: Pools, takeOver: TakeOver): Promise<string[]> {
  const { placement, central } = takeOver;
  const found = await markOfSchema(pools, placement);
  if (!found) throw refused(`There is no schema "${placement.schema}" to take over.`);
  const mark = rowsMark(central.database);
  if (found.owner?.startsWith(markPrefix) && !isMarked(found.owner, mark, isSame(placement, central))) {
    throw refused(
      `The schema "${placement.schema}" is somebody else's: it bears the comment "${found.owner}". It is not taken over.`,
    );
  }
  const deadline = performance.now() + takeOver.waitMs;
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      return await attemptTakeOver(pools, takeOver, mark);
    } catch (error) {
      if (codeOf(error) !== sqlState.lockNotAvailable) throw explained(error, takeOver);
      if (performance.now() + pause > deadline) throw await stillInUse(pools, placement, takeOver.waitMs, error);
    }
    // Two that take turns do not meet again.
    await setTimeout(pause * (0.5 + Math.random()));
  }
}

const lockTimeout = '500ms';
/** The pauses between attempts, in milliseconds. */
const [firstPause, longestPause] = [100, 2_000];

async function attemptTakeOver(pools: Pools, takeOver: TakeOver, mark: string): Promise<string[]> {
  const { placement, wall } = takeOver;
  const roles = await rolesOf(pools, placement, mark, wall);
  const client = await pools.connect(placement);
  try {
    const limits = [withoutTimeLimits(), `set local lock_timeout to '${lockTimeout}'`];
    await client.query(['begin', ...limits, lockOf(placement), ...roles].join('; '));
    const unclaimed = await protectAll(client, takeOver, mark);
    await client.query('commit');
    return unclaimed;
  } finally {
    client.release(true);
  }
}

async function protectAll(client: SqlClient, takeOver: TakeOver, mark: string): Promise<string[]> {
  const { placement, rowsOf = '', recorded, wall } = takeOver;
  const query = queryOn(client);
  for (const { sql } of await query(handOver(placement))) await handedOver(query, String(sql));
  await query(lockTables(placement));
  await shareSchema(client, placement, { mark, wall });
  await query(
    `set local search_path to ${quoteName(placement.schema)}, pg_temp; set local ${tenantSetting} to ${quoteText(rowsOf)}`,
  );
  const catalogue = readCatalogue(await query(catalogueQuery(placement)));
  const columns = catalogue ? ownColumns(catalogue, rowsOf) : [];
  if (columns.length > 0) await query(columns.join('; '));
  const expected = {
    schema: placement.schema,
    roles: rowRoles(placement),
    logTable: takeOver.logTable,
    hasLogin: wall !== undefined,
  };
  const keys = tenantKeys(await protect(query, placement, expected));
  const found = keys === undefined ? [] : (await query(keys)).map(({ key }) => String(key));
  const unclaimed = found.filter((key) => !recorded.has(key));
  // What is no id, no tenant can ever have.
  const adoptable = unclaimed.filter(isTenantId);
  for (const key of adoptable) await query(rememberKey(placement, idOf(key), { key, incarnation: '' }));
  return unclaimed;
}

function queryOn(client: SqlClient): Query {
  return async (sql) => {
    const result = await client.query(sql);
    return lastOf(result).rows;
  };
}

/** What the application keeps in a `tenant_id` of its own becomes ours where it is text. */
function ownColumns({ relations }: Catalogue, rowsOf: string): string[] {
  return relations.flatMap((relation) => {
    const { name, tenant, isPartition, policies } = relation;
    const isText = tenant !== null && ['text', 'character varying'].includes(tenant.type);
    if (!isTable(relation) || isPartition || !isText) return [];
    if (tenant.type === 'text' && tenant.notNull && tenant.isFilled) return [];
    const alter = (action: string) => `alter table ${name} ${action}`;
    return [
      alter('no force row level security'),
      // A policy would keep the type as it is. Ours come back.
      ...(tenant.type === 'text'
        ? []
        : policies
            .filter((policy) => policy.name === 'omnitenant')
            .map((policy) => `drop policy ${policy.name} on ${name}`)),
      ...(tenant.type === 'text' ? [] : [alter(`alter ${tenantColumn} type text`)]),
      ...(rowsOf === ''
        ? []
        : [`update ${name} set ${tenantColumn} = ${quoteText(rowsOf)} where ${tenantColumn} is null`]),
      alter(`alter ${tenantColumn} set default ${currentTenant}, alter ${tenantColumn} set not null`),
    ];
  });
}

/** SQL that reads the statements with which all of a schema becomes its owner's; none where it is. */
function handOver(placement: SharedSchema): string {
  const { owner, changes } = rowRoles(placement);
  const own = `to_regrole(${quoteText(quoteName(owner))})`;
  const schema = quoteText(placement.schema);
  return `with s as (select oid, nspowner from pg_namespace where nspname = ${schema}), moves as (
      select 1 as n, format('alter table %I.%I owner to %I', ${schema}, c.relname, ${quoteText(owner)}) as sql from pg_class c, s
      where c.relnamespace = s.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relowner <> ${own} and not ${isOfExtension('pg_class', 'c.oid')}
        and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass and c.relkind = 'S')
      union all
      select 2, format('alter type %I.%I owner to %I', ${schema}, t.typname, ${quoteText(owner)}) from pg_type t, s
      where t.typnamespace = s.oid and t.typowner <> ${own} and not ${isOfExtension('pg_type', 't.oid')}
        and (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and (select relkind from pg_class where oid = t.typrelid) = 'c')
      union all
      select 3, format('alter routine %s owner to %I', f.oid::regprocedure, ${quoteText(owner)}) from pg_proc f, s
      where f.pronamespace = s.oid and f.proowner not in (${own}, to_regrole(${quoteText(quoteName(changes))})) and not ${isOfExtension('pg_proc', 'f.oid')}
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.deptype = 'i')
      union all
      select 4, format('alter schema %I owner to %I', ${schema}, ${quoteText(owner)}) from s where s.nspowner <> ${own}
    )
    select format('grant usage, create on schema %I to %I', ${schema}, ${quoteText(owner)}) as sql where exists (select from moves)
    union all (select sql from moves order by n, sql)`;
}

/**
 * SQL that locks the tables that tenants share already, and the one of removed tenants last: whoever writes a row has its table when it
 * reads of those.
 */
function lockTables(placement: SharedSchema): string {
  return `${asOwner(placement)}; do $omnitenant$ declare one text; begin
    for one in select format('%I.%I', ${quoteText(placement.schema)}, c.relname) from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = '${tenantColumn}' and not a.attisdropped
      where c.relnamespace = to_regnamespace(${quoteText(quoteName(placement.schema))}) and c.relkind in ('r', 'p') and not c.relispartition
      order by c.relname = '${formerTenants}', c.oid
    loop execute format('lock table %s in access exclusive mode', one); end loop;
  end $omnitenant$; reset role`;
}

/** Only the owner of something, or a superuser, may give it away. */
async function handedOver(query: Query, sql: string): Promise<void> {
  try {
    await query(sql);
  } catch (error) {
    if (codeOf(error) !== sqlState.insufficientPrivilege) throw error;
    throw new TenancyError(
      'CONFIG_INVALID',
      `The login does not own these objects. Have their owner or a superuser run this, and take over again: ${sql}`,
      { cause: error },
    );
  }
}

function explained(error: unknown, { placement: { schema } }: TakeOver): unknown {
  const cause = error instanceof TenancyError ? error.cause : error;
  const { code, column, table, message = '' } = (cause ?? {}) as Record<string, string | undefined>;
  if (code === sqlState.notNullViolation && column === tenantColumn) {
    return new TenancyError(
      'MIGRATE_FAILED',
      `The table "${table}" of the schema "${schema}" has rows without a tenant. Pass the tenant that owns them with rowsOf (--rows-of).`,
      { cause },
    );
  }
  if (code === sqlState.foreignKeyViolation) {
    return new TenancyError(
      'MIGRATE_FAILED',
      `A row of the table "${table}" of the schema "${schema}" refers to another tenant's row, which shared tables do not allow. ${message}.`,
      { cause },
    );
  }
  return error;
}

function refused(message: string): TenancyError {
  return new TenancyError('PROVISION_FAILED', message);
}
