import type { TenantEntityManager } from '../entities/entity-manager.ts';
import type { Isolation, OrmPlacement } from '../placement/placement.ts';
import { quoteText } from '../sql/quote.ts';
import { formerTenantTable } from './internal-tables.ts';
import type { TenantEntity } from './tenant-entity.ts';

/** Remembers where a removed tenant was, in the transaction that deletes its record. */
export async function recordFormer(em: TenantEntityManager, tenant: TenantEntity): Promise<void> {
  const { id, createdAt, isolation, placement } = tenant;
  const { server = '', database = '', schema = '', role = '', key = '' } = placement;
  if (server === '') return;
  await em.execute(
    `insert into ${formerTenantTable} (id, created_at, isolation, server, database, schema, role) values (?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
    // What only one of the tenants that share a schema has had is its key.
    [id, createdAt, isolation, server, database, schema, isolation === 'row' ? key : role],
  );
}

/**
 * The placement under names that no former tenant has had: the names as they are, or else with a number, such as `t_acme_2`. Whoever
 * still holds the record of a removed tenant finds nothing there, and never the rows of its successor.
 */
export async function withUnusedNames(
  em: TenantEntityManager,
  isolation: Isolation,
  placement: OrmPlacement,
): Promise<OrmPlacement> {
  const { server, database, schema, role } = placement;
  const named = isolation === 'schema' ? { schema } : { database };
  const own: Readonly<Record<string, string>> = role === undefined ? named : { ...named, role };
  const like = Object.entries(own);
  const conditions = like.map(([column]) => `(${column} >= ? and ${column} < ?)`).join(' or ');
  const where = isolation === 'schema' ? 'server = ? and database = ?' : 'server = ?';
  const found = await em.execute<Record<string, string>[]>(
    `select schema, database, role from ${formerTenantTable} where ${where} and (${conditions})`,
    // In the collation "C", what begins with a name and a "_" comes before the name with a "~".
    [server, ...(isolation === 'schema' ? [database] : []), ...like.flatMap(([, name]) => [name, `${name}~`])],
  );
  const used = new Set(found.flatMap((row) => like.map(([column]) => `${column} ${row[column]}`)));
  for (let n = 1; ; n += 1) {
    const names = Object.fromEntries(like.map(([column, name]) => [column, numbered(name, n)]));
    if (Object.entries(names).every(([column, name]) => !used.has(`${column} ${name}`)))
      return { ...placement, ...names };
  }
}

/** The keys that former tenants of an id have had in a shared schema, which may not know of those that were forgotten. */
export async function formerKeys(em: TenantEntityManager, placement: OrmPlacement, id: string): Promise<string[]> {
  const [found] = await em.execute<{ former: string[] }[]>(`select ${formerKeysSql(placement, id)} as former`);
  return found?.former ?? [];
}

/** SQL for these keys, as a JSON array. It has to be sent to central's database. */
export function formerKeysSql({ server, database, schema }: OrmPlacement, id: string): string {
  const [ofId, onServer, inDatabase, inSchema] = [id, server, database, schema].map(quoteText);
  return `(select coalesce(json_agg(role), '[]') from ${formerTenantTable}
    where isolation = 'row' and id = ${ofId} and server = ${onServer} and database = ${inDatabase} and schema = ${inSchema})`;
}

/** No longer than PostgreSQL allows. */
function numbered(name: string, n: number): string {
  const suffix = `_${n}`;
  return n === 1 ? name : name.slice(0, 63 - suffix.length) + suffix;
}
