import { TenancyError } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';

/** What the orm's first part says: what the other parts hold, which are `table-0001` and so on, and `rows`. */
export interface OrmManifest {
  readonly isolation: string;
  /** The migrations that are applied, in order. */
  readonly migrations: readonly string[];
  /** In an order in which foreign keys find what they refer to. */
  readonly tables: readonly ArchivedTable[];
  readonly sequences: readonly ArchivedSequence[];
}

/** A table, as COPY writes its columns in the order of its key. */
interface ArchivedTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The columns of the primary key; none if there is no key. */
  readonly key: readonly string[];
  /** In an anonymised archive, where the order of the rows or the text of values may be another once they are stored: the other columns. */
  readonly compared?: readonly string[];
}

export interface ArchivedSequence {
  readonly name: string;
  /** The last value that it gave; null if it gave none. */
  readonly value: string | null;
  /** The value that it gives first, if it gave none. Archives of earlier versions leave it out. */
  readonly next?: string | null;
}

export const manifestPart = 'manifest';
export const rowsPart = 'rows';

/** More than the manifest of any database takes, in bytes. */
const longestJson = 64 << 20;

/** The name of the part that holds a table's rows. */
export function tablePart(index: number): string {
  return `table-${String(index + 1).padStart(4, '0')}`;
}

/** A part of JSON. */
export function jsonPart(name: string, value: unknown): ArchivePart {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
  }
  return { name, bytes: bytes() };
}

/**
 * The orm's parts, each asked for by its name.
 *
 * @throws ARCHIVE_INVALID where another comes.
 */
export function partsInOrder(parts: AsyncIterable<ArchivePart>): {
  next(expected: string): Promise<AsyncIterable<Uint8Array>>;
  json(expected: string): Promise<unknown>;
  end(): Promise<void>;
} {
  const reading = parts[Symbol.asyncIterator]();
  async function next(expected: string): Promise<AsyncIterable<Uint8Array>> {
    const { value, done } = await reading.next();
    if (done || value.name !== expected) throw invalid(`it has no "${expected}" of the database where one belongs`);
    return value.bytes;
  }
  return {
    next,
    async json(expected) {
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of await next(expected)) {
        size += chunk.byteLength;
        if (size > longestJson) throw invalid(`its "${expected}" of the database is too long`);
        chunks.push(chunk);
      }
      try {
        return JSON.parse(Buffer.concat(chunks).toString());
      } catch (error) {
        throw invalid(`its "${expected}" of the database is not JSON`, error);
      }
    },
    async end() {
      const { done } = await reading.next();
      if (!done) throw invalid('it has more of the database than its manifest says');
    },
  };
}

/** @throws ARCHIVE_INVALID */
export function parseOrmManifest(value: unknown): OrmManifest {
  const { migrations, tables, sequences } = (value ?? {}) as Partial<OrmManifest>;
  const isRight =
    isListOf(migrations, (name) => typeof name === 'string') &&
    isListOf(tables, ({ name, columns, key, compared = [] }: ArchivedTable) => {
      return (
        typeof name === 'string' &&
        isListOf(columns, (column: ArchivedTable['columns'][number]) => typeof column.name === 'string') &&
        [key, compared].every((list) => isListOf(list, (column) => columns.some(({ name: known }) => known === column)))
      );
    }) &&
    isListOf(
      sequences,
      (one: ArchivedSequence) => typeof one.name === 'string' && isValue(one.value) && isValue(one.next ?? null),
    );
  if (!isRight) throw invalid('its manifest of the database is incomplete');
  return value as OrmManifest;
}

function isListOf<Item>(value: readonly Item[] | undefined, isOne: (item: Item) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => item !== null && item !== undefined && isOne(item));
}

/** Whether it is a number that a sequence can give. */
function isValue(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value);
}

/** The error for an archive that this application cannot use. */
export function invalid(why: string, cause?: unknown): TenancyError {
  return new TenancyError('ARCHIVE_INVALID', `This archive cannot be imported: ${why}.`, { cause });
}
