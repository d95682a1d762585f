import { invalidArchive } from '@omnitenant/orm/extend';
import type { DatabaseSequence, DatabaseTable } from './database-tables.ts';

/** What the first part says: what the other parts hold, which are `table-0001` and so on, and `rows`. */
export interface DatabaseManifest {
  /** The version of the server that was read. */
  readonly server: string;
  /** The migrations that are applied, in order. */
  readonly migrations: readonly string[];
  readonly tables: readonly DatabaseTable[];
  readonly sequences: readonly DatabaseSequence[];
  /** What the migrations have to make: columns, indexes, keys, checks, views, triggers and routines, by name. */
  readonly objects: readonly string[];
}

/** @throws ARCHIVE_INVALID */
export function parseManifest(value: unknown): DatabaseManifest {
  const { migrations, tables, sequences, objects } = (value ?? {}) as Partial<DatabaseManifest>;
  const isRight =
    isListOf(migrations, isText) &&
    isListOf(objects, isText) &&
    isListOf(sequences, (one: DatabaseSequence) => isText(one?.name) && isNumber(one.next)) &&
    isListOf(
      tables,
      (one: DatabaseTable) =>
        isText(one?.name) &&
        isListOf(one.key, isText) &&
        (one.next === null || isNumber(one.next)) &&
        isListOf(one.columns, (column) => isText(column?.name) && isText(column.type)),
    );
  if (!isRight) throw invalidArchive('its manifest of the database is incomplete');
  return value as DatabaseManifest;
}

function isListOf<Item>(value: readonly Item[] | undefined, isOne: (item: Item) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** Whether it is a number that MariaDB counts with. */
function isNumber(value: unknown): boolean {
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value);
}
