import { isWhole } from './cache-options.ts';
import type { Serializer } from './serializer.ts';
import type { Lifetime } from './stores/cache-store.ts';

/** How to keep an entry. */
export interface EntryOptions {
  /** Time to live. Default: the tenant's `config.cache.ttlMs`, else the cache's. */
  readonly ttlMs?: number | undefined;
  /**
   * How long after its time to live `getOrSet` still serves the value to others while one caller builds the next. Other methods
   * do not find it then. Default 0.
   */
  readonly graceMs?: number | undefined;
  /** Tags by which `invalidate` finds the entry. */
  readonly tags?: readonly string[] | undefined;
}

/** What the entries of a cache are written with. */
export interface EntryFormatOptions {
  readonly defaults: { readonly ttlMs: number };
  readonly serializer: Serializer;
  /** Is told of each text that is written. */
  readonly wrote: (text: string) => void;
}

/** Turns values into texts, and what is said of them into what a store understands. */
export interface EntryFormat {
  lifetime(options: EntryOptions): Lifetime;
  /** @throws TypeError for a value that cannot be kept. */
  written(key: string, value: unknown): string;
  parsed<Value>(text: string | undefined): Value;
}

/** How one cache writes entries. */
export function entryFormat({ defaults, serializer, wrote }: EntryFormatOptions): EntryFormat {
  return {
    lifetime({ ttlMs = defaults.ttlMs, graceMs = 0, tags = [] }) {
      if (graceMs !== 0) checked('graceMs', graceMs, isWhole);
      return { ttlMs: checked('ttlMs', ttlMs, isWhole), graceMs, tags: tags.map(text) };
    },

    written(key, value) {
      if (value === undefined) {
        throw new TypeError(`The value of "${key}" is undefined; use delete() to remove an entry.`);
      }
      try {
        const written = serializer.stringify(value);
        wrote(written);
        return written;
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        const remedy = 'Convert it to plain data, or choose another serializer.';
        throw new TypeError(`The value of "${key}" cannot be kept: ${why}. ${remedy}`, { cause });
      }
    },

    parsed<Value>(kept: string | undefined) {
      return (kept === undefined ? undefined : serializer.parse(kept)) as Value;
    },
  };
}

/** Refuses text that is not well-formed Unicode: writing it would turn it into other text. */
export function text(value: unknown): string {
  if (typeof value === 'string' && value.isWellFormed()) return value;
  throw new TypeError('A key or tag of the cache must be a well-formed string.');
}

/** @throws RangeError for a number that does not pass the test. */
export function checked(option: string, value: number, test: (value: number) => boolean): number {
  if (test(value)) return value;
  throw new RangeError(`"${option}" must be a positive whole number, not ${value}.`);
}
