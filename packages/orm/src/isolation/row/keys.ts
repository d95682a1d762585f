import { createHash } from 'node:crypto';
import { tenantColumn } from '../../placement/shared-tables.ts';
import { quoteName } from '../../sql/quote.ts';
import type { Catalogue, Key, Relation } from './catalogue.ts';
import type { Expectation, Requirement, StandIn, Step } from './requirement.ts';

/**
 * The keys that do not name the tenant yet. With the tenant in it, a unique key lets two tenants have the same values, and a foreign
 * key leads to no other tenant's row. PostgreSQL itself writes down what else a key says.
 */
export function keyRequirements(
  { keys, relations }: Catalogue,
  tables: readonly Relation[],
  { schema, standIns = new Map() }: Expectation,
): Requirement[] {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const nameOf = (oid: number | null) => relations.find((relation) => relation.oid === oid)?.name;
  return keys.flatMap((key): Requirement[] => {
    const table = byOid.get(key.table);
    if (!table) return [];
    if (key.kind === 'f') {
      const standIn = standIns.get(key.target ?? 0);
      const target = standIn?.table ?? (byOid.has(key.target ?? 0) ? nameOf(key.target) : undefined);
      // What is outside of the schema is no tenant's.
      if (key.hasTenant || target === undefined) return [];
      const open = table.granted.length > 0;
      const steps = referenceSteps(table, key, target, standIn);
      if (typeof steps === 'string') {
        return [
          { on: table.name, fault: `its foreign key "${key.name}" cannot name the tenant: ${steps}`, open, steps: [] },
        ];
      }
      const drop = `alter table ${table.name} drop constraint ${quoteName(key.name)}`;
      return [
        {
          on: table.name,
          fault: `its foreign key "${key.name}" would accept another tenant's row`,
          open,
          steps: [{ stage: 'drop', sql: drop }, ...steps],
        },
      ];
    }
    if (key.kind === 'p' && key.generated && !key.hasTenant) return partnerOf(table, key, keys);
    if (key.hasTenant) return [];
    return [
      {
        on: table.name,
        fault: `its key "${key.name}" is one for all tenants`,
        open: table.granted.length > 0,
        steps: [{ stage: 'key', sql: withTenant(table, key, schema) }],
      },
    ];
  });
}

/**
 * A primary key whose values are generated stays, so that queries may group by it and later migrations refer to it by itself. Foreign
 * keys refer to a key with the tenant beside it.
 */
function partnerOf(table: Relation, { columns, definition }: Key, keys: readonly Key[]): Requirement[] {
  const wanted = [tenantColumn, ...columns];
  const isThere = keys.some(
    (key) =>
      key.table === table.oid &&
      key.kind !== 'f' &&
      !key.partial &&
      key.columns.length === wanted.length &&
      key.columns.every((column, n) => column === wanted[n]),
  );
  if (isThere) return [];
  const add = `add constraint ${quoteName(partnerName(table.relname))} unique (${wanted.join(', ')}${withoutOverlaps(definition)})`;
  return [
    {
      on: table.name,
      fault: 'its primary key has no partner that foreign keys can refer to',
      open: false,
      steps: [{ stage: 'key', sql: `alter table ${table.name} ${add}` }],
    },
  ];
}

/** What the last column of a key of PostgreSQL 18 is followed by, where it is a period. */
export function withoutOverlaps(definition: string): string {
  return / WITHOUT OVERLAPS\)/.test(definition) ? ' without overlaps' : '';
}

/** At most 63 bytes, and different for different tables. */
function partnerName(table: string): string {
  const digest = createHash('sha256').update(table).digest('hex').slice(0, 8);
  const start =
    Buffer.byteLength(table) <= 46
      ? table
      : `${Buffer.from(table)
          .subarray(0, 37)
          .toString()
          .replace(/\ufffd+$/, '')}_${digest}`;
  return `${start}_omnitenant_key`;
}

function withTenant({ name }: Relation, { name: key, kind, definition }: Key, schema: string): string {
  const column = kind === 'x' ? `${tenantColumn} with =` : tenantColumn;
  if (kind !== 'i') {
    const named = quoteName(key);
    return `alter table ${name} drop constraint ${named}, add constraint ${named} ${definition.replace('(', () => `(${column}, `)}`;
  }
  const made = definition.replace(' ON ONLY ', ' ON ').replace(/( USING \w+ \()/, (using) => `${using}${column}, `);
  return `drop index ${quoteName(schema)}.${quoteName(key)}; ${made}`;
}

/** A foreign key with the tenant in it, that does what it did for its own columns; or why there is none. */
function referenceSteps(
  table: Relation,
  key: Key,
  target: string,
  standIn: StandIn | undefined,
): readonly Step[] | string {
  const { name, definition, columns, targetName, targetColumns } = key;
  // PostgreSQL 18: the last column is a period, within which the key that is referred to has to be there.
  const isPeriod = /, PERIOD /.test(definition);
  const listOf = (names: readonly (string | null)[]) =>
    names.map((column, n) => (isPeriod && n === names.length - 1 ? `PERIOD ${column}` : column)).join(', ');
  const list = columns.join(', ');
  const start = `FOREIGN KEY (${listOf(columns)}) REFERENCES ${targetName}(${listOf(targetColumns ?? [])})`;
  if (!definition.startsWith(start)) return 'it is of a kind that is not known here';
  let rest = definition.slice(start.length);
  if (/ ON UPDATE SET (?:NULL|DEFAULT)/.test(rest)) {
    return '"on update set null" and "on update set default" would take the tenant away, too';
  }
  const steps: Step[] = [];
  const validity = rest.includes(' NOT ENFORCED')
    ? ' not enforced'
    : rest.includes(' NOT VALID') && !(standIn && !standIn.notValid)
      ? ' not valid'
      : '';
  if (standIn) rest = rest.replace(' NOT VALID', standIn.notValid ? ' NOT VALID' : '');
  if (rest.includes(' MATCH FULL')) {
    // The tenant is never null, so that all of the others are, or none, has to be said apart.
    rest = rest.replace(' MATCH FULL', '');
    if (columns.length > 1) {
      const check = quoteName(`${name.slice(0, 52)}_match_full`);
      steps.push({
        stage: 'reference',
        sql: `alter table ${table.name} drop constraint if exists ${check}, add constraint ${check} check (num_nulls(${list}) in (0, ${columns.length}))${validity}`,
      });
    }
  }
  rest = rest.replace(/ ON DELETE SET (NULL|DEFAULT)(?! \()/, (action) => `${action} (${list})`);
  const foreign = `foreign key (${listOf([tenantColumn, ...columns])}) references ${target} (${listOf([tenantColumn, ...(targetColumns ?? [])])})`;
  steps.push({
    stage: 'reference',
    sql: `alter table ${table.name} add constraint ${quoteName(name)} ${foreign}${rest}`,
  });
  return steps;
}
