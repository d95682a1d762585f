/** A line of PostgreSQL's output plugin `test_decoding`. */
export type DecodedChange =
  | { readonly kind: 'begin'; readonly xid: number }
  | { readonly kind: 'commit' }
  | { readonly kind: 'message'; readonly content: string }
  | { readonly kind: 'truncate'; readonly tables: readonly TableName[] }
  | {
      readonly kind: 'insert' | 'update' | 'delete';
      readonly table: TableName;
      /** The columns that are said of the row, by name: after the change, and before it where its key has changed or it is gone. */
      readonly rows: readonly DecodedRow[];
    };

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** The texts of a row's values. A value that is null, or not said, is `undefined`. */
export type DecodedRow = ReadonlyMap<string, string | undefined>;

/**
 * Reads a line.
 *
 * @throws SyntaxError for what is of no known form, so that no change is passed over.
 */
export function parseChange(text: string): DecodedChange {
  const [, verb, xid] = /^(BEGIN|COMMIT) (\d+)$/.exec(text) ?? [];
  if (verb === 'BEGIN') return { kind: 'begin', xid: Number(xid) };
  if (verb === 'COMMIT') return { kind: 'commit' };
  if (text.startsWith('message: ')) return { kind: 'message', content: text.slice(text.indexOf(' content:') + 9) };
  return parseTableChange(text);
}

function parseTableChange(text: string): DecodedChange {
  let at = 0;
  /** What comes next, if it does; it is passed. */
  function takes(token: string): boolean {
    const does = text.startsWith(token, at);
    if (does) at += token.length;
    return does;
  }
  function expects(token: string): void {
    if (!takes(token)) throw unknownForm(at);
  }
  function identifier(): string {
    if (text[at] === '"') return quoted('"');
    plain.lastIndex = at;
    const [name] = plain.exec(text) ?? [];
    if (name === undefined) throw unknownForm(at);
    at += name.length;
    return name;
  }
  function quoted(quote: string): string {
    let value = '';
    for (at += 1; ; at += 2) {
      const end = text.indexOf(quote, at);
      if (end < 0) throw unknownForm(at);
      value += text.slice(at, end);
      at = end;
      if (text[end + 1] !== quote) break;
      value += quote;
    }
    at += 1;
    return value;
  }
  function tableName(): TableName {
    const schema = identifier();
    expects('.');
    return { schema, table: identifier() };
  }
  /** A type may be an array, and have a quoted name that looks like anything. */
  function skipType(): void {
    expects('[');
    while (!takes(']:')) {
      if (text[at] === '"') quoted('"');
      else if (at >= text.length) throw unknownForm(at);
      else if (!takes('[]')) at += 1;
    }
  }
  function value(): string | undefined {
    // Bits are B'101'.
    if (text.startsWith("B'", at)) at += 1;
    if (text[at] === "'") return quoted("'");
    const end = text.indexOf(' ', at);
    const raw = text.slice(at, end < 0 ? undefined : end);
    at += raw.length;
    return raw === 'null' || raw === 'unchanged-toast-datum' ? undefined : raw;
  }
  function row(): DecodedRow[] {
    if (takes(' (no-tuple-data)')) return [];
    const columns = new Map<string, string | undefined>();
    while (at < text.length && !text.startsWith(' new-tuple:', at)) {
      expects(' ');
      const name = identifier();
      skipType();
      columns.set(name, value());
    }
    return [columns];
  }

  expects('table ');
  const tables = [tableName()];
  while (takes(', ')) tables.push(tableName());
  expects(': ');
  if (takes('TRUNCATE:')) return { kind: 'truncate', tables };
  const [table] = tables as [TableName];
  if (takes('INSERT:')) return { kind: 'insert', table, rows: row() };
  if (takes('DELETE:')) return { kind: 'delete', table, rows: row() };
  expects('UPDATE:');
  const before = takes(' old-key:') ? row() : [];
  if (before.length > 0) expects(' new-tuple:');
  return { kind: 'update', table, rows: [...before, ...row()] };
}

/** What PostgreSQL leaves without quotes. */
const plain = /[a-z_][a-z0-9_]*/y;

/** The text itself is left out, as it has values of rows. */
function unknownForm(at: number): SyntaxError {
  return new SyntaxError(
    `PostgreSQL's plugin test_decoding has sent a line of an unknown form (at its character ${at})`,
  );
}
