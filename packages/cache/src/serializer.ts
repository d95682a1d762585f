import { types } from 'node:util';

/** Writes values as text and reads them again. `JSON` is one. */
export interface Serializer {
  stringify(value: unknown): string;
  parse(text: string): unknown;
}

/** What a cache writes values with. A whole number is written as its digits, so that it can be counted with. */
export function countable(serializer: Serializer | undefined): Serializer {
  const { stringify, parse } = serializer === undefined ? typedJson : marked(serializer);
  return {
    stringify: (value) => (Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : stringify(value)),
    parse: (text) => (/^-?\d+$/.test(text) ? Number(text) : parse(text)),
  };
}

/** Marks the texts of a serializer, so that none of them is taken for a number. */
function marked(serializer: Serializer): Serializer {
  return {
    stringify(value) {
      const text: unknown = serializer.stringify(value);
      if (typeof text === 'string') return `=${text}`;
      throw new TypeError('the serializer does not write it as text');
    },
    parse: (text) => serializer.parse(text.slice(1)),
  };
}

/**
 * JSON in which `Date`, `Map`, `Set`, `bigint`, `undefined`, `Uint8Array`, `Buffer`, `URL` and all numbers come back as they went
 * in. A text with any of them begins with an exclamation mark, and holds them as `{ "$": [type, value] }`.
 */
const typedJson: Serializer = {
  stringify(value) {
    const written = write(value, 0);
    return written === value ? JSON.stringify(value) : `!${JSON.stringify(written)}`;
  },
  parse: (text) => (text.startsWith('!') ? read(JSON.parse(text.slice(1))) : JSON.parse(text)),
};

/** How deep values may be nested. */
const maxDepth = 500;

type Json = Record<string, unknown>;

/** The value itself if JSON keeps it as it is, else what is written instead. */
function write(value: unknown, depth: number): unknown {
  if (depth > maxDepth) throw new TypeError('it is nested too deeply, or holds itself');
  if (typeof value === 'object') return value === null ? null : writeObject(value, depth);
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : as('number', number(value));
  if (value === undefined) return as('undefined', 0);
  if (typeof value === 'bigint') return as('bigint', String(value));
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`it holds a ${typeof value}`);
  return value;
}

function writeObject(value: object, depth: number): unknown {
  if (Array.isArray(value)) return writeList(value, depth);
  if (isPlain(value)) return writePlain(value as Json, depth);
  const type = value.constructor?.name ?? '';
  if (type === 'Date' && types.isDate(value)) return as(type, number(value.getTime()));
  if (type === 'Map' && types.isMap(value)) return as(type, writeList([...value].flat(1), depth));
  if (type === 'Set' && types.isSet(value)) return as(type, writeList([...value], depth));
  if (type === 'URL' && value instanceof URL) return as(type, value.href);
  if ((type === 'Uint8Array' || type === 'Buffer') && types.isUint8Array(value)) {
    return as(type, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'));
  }
  throw new TypeError(`it holds an instance of ${type || 'a class'}, which would not come back as one`);
}

function writeList(list: readonly unknown[], depth: number): readonly unknown[] {
  const written = Array.from(list, (item) => write(item, depth + 1));
  return written.some((item, index) => item !== list[index]) ? written : list;
}

function writePlain(value: Json, depth: number): Json {
  let changed = false;
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => {
    const written = write(member, depth + 1);
    changed ||= written !== member;
    return [key, written];
  });
  if (Object.hasOwn(value, '$')) return as('Object', Object.fromEntries(entries));
  return changed ? Object.fromEntries(entries) : value;
}

/** Whether it is an object of no class. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function as(type: string, value: unknown): Json {
  return { $: [type, value] };
}

function number(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

const readers: Readonly<Record<string, (value: never) => unknown>> = {
  undefined: () => undefined,
  number: (text: string) => Number(text),
  bigint: (text: string) => BigInt(text),
  Date: (time: string) => new Date(Number(time)),
  Map: (flat: unknown[]) => new Map(pairs(flat.map(read))),
  Set: (items: unknown[]) => new Set(items.map(read)),
  URL: (href: string) => new URL(href),
  Buffer: (text: string) => Buffer.from(text, 'base64'),
  Uint8Array: (text: string) => new Uint8Array(Buffer.from(text, 'base64')),
  Object: (value: Json) => members(value),
};

function read(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(read);
  const { $: special } = value as { readonly $?: readonly [string, never] };
  return special === undefined ? members(value as Json) : readers[special[0]]?.(special[1]);
}

function members(value: Json): Json {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, read(member)]));
}

function* pairs(flat: readonly unknown[]): Generator<[unknown, unknown]> {
  for (let at = 0; at < flat.length; at += 2) yield [flat[at], flat[at + 1]];
}
