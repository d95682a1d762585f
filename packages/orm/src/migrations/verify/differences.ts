/** One object of a schema, and how PostgreSQL writes it out. */
export interface CatalogueItem {
  /** Such as `table`, `column` or `index`. */
  readonly kind: string;
  /** Its name; that of what belongs to a table begins with the table's. */
  readonly name: string;
  readonly text: string;
}

/** What is different in a schema, in words, by the names of its objects. What belongs to a table that is missing itself is not named. */
export function differencesOf(expected: readonly CatalogueItem[], found: readonly CatalogueItem[]): readonly string[] {
  const wanted = byLabel(expected);
  const there = byLabel(found);
  const missing = withoutParts([...wanted].filter(([label]) => !there.has(label)).map(([, item]) => item));
  const unexpected = withoutParts([...there].filter(([label]) => !wanted.has(label)).map(([, item]) => item));
  const changed = [...wanted].flatMap(([label, { text }]) => {
    const other = there.get(label);
    return other === undefined || other.text === text ? [] : [`${label} is ${short(other.text)}, not ${short(text)}`];
  });
  return [
    ...missing.map((item) => `${labelOf(item)} is missing`),
    ...unexpected.map((item) => `${labelOf(item)} is not of this version`),
    ...changed,
  ].toSorted();
}

function byLabel(items: readonly CatalogueItem[]): ReadonlyMap<string, CatalogueItem> {
  return new Map(items.map((item) => [labelOf(item), item]));
}

function labelOf({ kind, name }: CatalogueItem): string {
  return `${kind} "${name}"`;
}

/** What is whole, without the columns, keys and indexes of its tables. */
function withoutParts(items: readonly CatalogueItem[]): readonly CatalogueItem[] {
  const wholes = items.filter(({ kind }) => kind.endsWith('table') || kind.endsWith('view')).map(({ name }) => name);
  return items.filter(
    ({ name, kind }) => !wholes.some((whole) => name.startsWith(`${whole}.`) || isSequenceOf(whole, kind, name)),
  );
}

/** PostgreSQL names the sequence of a column after it. */
function isSequenceOf(table: string, kind: string, name: string): boolean {
  return kind === 'sequence' && name.startsWith(`${table}_`) && name.endsWith('_seq');
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  const cut = line.length > 160 ? `${line.slice(0, 160)}…` : line;
  return cut === '' ? 'plain' : `"${cut}"`;
}
