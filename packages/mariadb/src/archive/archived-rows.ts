import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { quoteName } from '../sql/quote.ts';
import { type ArchivedColumn, formOf } from './column-form.ts';

/** A row as the server sends it: the bytes of each value, and null. */
type RowBytes = readonly (Uint8Array | null)[];

/** What a table's rows come to, whatever their order. */
export interface RowsDigest {
  add(line: string): void;
  readonly rows: number;
  digest(): string;
}

/** Writes rows as lines of JSON: a list of texts, in which bytes are hexadecimal. */
export interface RowLines {
  readonly columns: readonly ArchivedColumn[];
  /** The list of a select that reads the columns exactly. */
  readonly list: string;
  /** @throws a TypeError, which names the column, for a text that is no UTF-8. */
  write(row: RowBytes): string;
  /** The values to insert. Throws a TypeError for a line that is no row of the columns. */
  read(line: string): readonly (string | Uint8Array | null)[];
}

export function rowLines(columns: readonly ArchivedColumn[]): RowLines {
  const forms = columns.map(({ type }) => formOf(type));

  function textOf(value: Uint8Array, n: number): string {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (forms[n] === 'bytes') return bytes.toString('hex');
    if (isUtf8(bytes)) return bytes.toString();
    throw new TypeError(`its column "${columns[n]?.name}" has a text that is no UTF-8`);
  }

  function insertedOf(text: unknown, n: number): string | Uint8Array | null {
    if (text === null) return null;
    if (typeof text !== 'string') throw new TypeError('a value is no text');
    return forms[n] === 'bytes' ? Buffer.from(text, 'hex') : text;
  }

  return {
    columns,
    // A float is shown with six digits, and as a double with all of them.
    list: columns
      .map(({ name }, n) => (forms[n] === 'float' ? `cast(${quoteName(name)} as double)` : quoteName(name)))
      .join(', '),
    write: (row) => JSON.stringify(row.map((value, n) => (value === null ? null : textOf(value, n)))),
    read(line) {
      const values: unknown = JSON.parse(line);
      if (!Array.isArray(values) || values.length !== columns.length) throw new TypeError('a row has other columns');
      return values.map(insertedOf);
    },
  };
}

/** Digests rows by the sum of the digests of their lines. */
export function rowsDigest(): RowsDigest {
  let sum = 0n;
  let rows = 0;
  return {
    add(line) {
      rows += 1;
      sum = BigInt.asUintN(256, sum + BigInt(`0x${createHash('sha256').update(line).digest('hex')}`));
    },
    get rows() {
      return rows;
    },
    digest: () => sum.toString(16),
  };
}

/** The lines of a part. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held: Buffer[] = [];
  for await (const chunk of bytes) {
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = data.indexOf(lineBreak); end >= 0; end = data.indexOf(lineBreak, start)) {
      yield Buffer.concat([...held, data.subarray(start, end)]).toString();
      held = [];
      start = end + 1;
    }
    // What was read may be overwritten by what is read next.
    if (start < data.length) held.push(Buffer.from(data.subarray(start)));
  }
  if (held.length > 0) throw new TypeError('its last line is cut off');
}

const lineBreak = 10;
