import { standInPrefix, tenantColumn } from '../../placement/shared-tables.ts';
import { maskedCode } from '../../sql/lexer.ts';
import { quoteName } from '../../sql/quote.ts';
import type { Catalogue, Key, Relation } from './catalogue.ts';
import { withoutOverlaps } from './keys.ts';
import type { StandIn } from './requirement.ts';
import { isTable } from './requirements.ts';

/** A migration's statement as it is sent where tenants share their tables. */
export interface AdaptedStatement {
  readonly sql: string;
  /** Tables that stand in for those that it refers to, by name: empty, with the keys that those had before the tenant was in them. */
  readonly standIns: readonly { readonly name: string; readonly create: readonly string[]; readonly of: StandIn }[];
}

const name = String.raw`(?:"(?:[^"]|"")+"|[\w$\u0080-\uffff]+)`;
const qualified = String.raw`${name}(?:\s*\.\s*${name})?`;

/**
 * Puts the tenant into keys that are added to tables with rows, as two tenants may have the same values there, and has references lead
 * to a stand-in where the key that they name has the tenant in it. A wrong reading costs an error: what was made is looked at in any
 * case.
 */
export function adaptStatement(statement: string, schema: string, catalogue: Catalogue): AdaptedStatement {
  const masked = maskedCode(statement);
  const tables = new Map(catalogue.relations.filter(isTable).map((table) => [table.relname, table]));
  const find = (text: string): Relation | undefined => {
    const parts = [...text.matchAll(new RegExp(name, 'g'))].map(([part]) => unquote(part));
    if (parts.length === 2 && parts[0] !== schema) return undefined;
    return tables.get(parts.at(-1) ?? '');
  };
  const insertions: { at: number; remove: number; text: string }[] = [];
  if (!new RegExp(String.raw`\b${tenantColumn}\b`, 'i').test(masked)) {
    for (const at of keyLists(masked, find)) {
      insertions.push({
        at: at.index,
        remove: 0,
        text: at.isExclusion ? `${tenantColumn} with =, ` : `${tenantColumn}, `,
      });
    }
  }
  const standIns: AdaptedStatement['standIns'][number][] = [];
  const reference = new RegExp(
    String.raw`\breferences\s+(${qualified})(?:\s*(\([^)]*\)))?((?:\s+(?:match\s+\w+|on\s+(?:delete|update)\s+(?:no\s+action|restrict|cascade|set\s+(?:null|default)(?:\s*\([^)]*\))?)|not\s+deferrable|deferrable|initially\s+\w+|not\s+valid|(?:not\s+)?enforced))*)`,
    'dgi',
  );
  for (const found of masked.matchAll(reference)) {
    const [, target = '', columns = '', tail = ''] = found;
    const table = find(target);
    if (!table || isKept(table, columns, catalogue.keys)) continue;
    const [start, end] = found.indices?.[1] ?? [0, 0];
    const standIn = `${standInPrefix}${standIns.length + 1}`;
    const notValid = /\bnot\s+valid\b/i.test(tail);
    insertions.push({ at: start, remove: end - start, text: `${quoteName(schema)}.${standIn}` });
    // It has no rows that those which are there could refer to.
    const isAdded =
      /^\s*alter\b/i.test(masked) && /\bforeign\s+key\s*\([^)]*\)\s*$/i.test(masked.slice(0, found.index));
    if (isAdded && !notValid && !/\bnot\s+enforced\b/i.test(tail))
      insertions.push({ at: found.index + found[0].length, remove: 0, text: ' not valid' });
    standIns.push({
      name: standIn,
      create: standInSql(`${quoteName(schema)}.${standIn}`, table, catalogue.keys),
      of: { table: table.name, notValid },
    });
  }
  return { sql: applied(statement, insertions), standIns };
}

/** Where the columns of a unique key begin that is added to a table that is there. */
function* keyLists(
  masked: string,
  find: (text: string) => Relation | undefined,
): Generator<{ readonly index: number; readonly isExclusion: boolean }> {
  const index = new RegExp(
    String.raw`^\s*create\s+unique\s+index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(?:(?!on\b)${name}\s+)?on\s+(?:only\s+)?(${qualified})\s*(?:using\s+\w+\s*)?\(`,
    'i',
  ).exec(masked);
  if (index && find(index[1] ?? '')) yield { index: index[0].length, isExclusion: false };
  const altered = new RegExp(String.raw`^\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(${qualified})\s`, 'i').exec(
    masked,
  );
  if (!altered || !find(altered[1] ?? '')) return;
  const added = new RegExp(
    String.raw`\badd\s+(?:constraint\s+${name}\s+)?(?:(?:unique(?:\s+nulls\s+(?:not\s+)?distinct)?|primary\s+key)|(exclude)(?:\s+using\s+\w+)?)\s*\(`,
    'gi',
  );
  for (const found of masked.matchAll(added)) {
    yield { index: found.index + found[0].length, isExclusion: found[1] !== undefined };
  }
}

/** Whether the table still has the key that is referred to, because its values are generated. */
function isKept(table: Relation, columns: string, keys: readonly Key[]): boolean {
  const primary = keys.find((key) => key.table === table.oid && key.kind === 'p');
  if (!primary || primary.hasTenant) return false;
  const named = [...columns.replace(/,\s*period\s+(?=\S)/i, ', ').matchAll(new RegExp(name, 'g'))].map(([part]) =>
    quoteName(unquote(part)),
  );
  const own = primary.columns.map((column) => quoteName(unquote(column ?? '')));
  return named.length === 0 || named.join() === own.join();
}

function standInSql(standIn: string, table: Relation, keys: readonly Key[]): string[] {
  const unique = keys.filter(
    ({ table: of, kind, partial, columns }) =>
      of === table.oid && 'pui'.includes(kind) && !partial && !columns.includes(null),
  );
  const lists = unique.flatMap(({ kind, columns, definition }) => {
    const own = columns.filter((column) => column !== tenantColumn);
    return own.length > 0
      ? [`add ${kind === 'p' ? 'primary key' : 'unique'} (${own.join(', ')}${withoutOverlaps(definition)})`]
      : [];
  });
  return [
    `create table ${standIn} (like ${table.name})`,
    ...(lists.length > 0 ? [`alter table ${standIn} ${[...new Set(lists)].join(', ')}`] : []),
  ];
}

function unquote(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase();
}

function applied(sql: string, changes: readonly { at: number; remove: number; text: string }[]): string {
  let changed = sql;
  for (const { at, remove, text } of changes.toSorted((a, b) => b.at - a.at)) {
    changed = changed.slice(0, at) + text + changed.slice(at + remove);
  }
  return changed;
}
