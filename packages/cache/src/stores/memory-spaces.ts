import type { Owner } from './owner.ts';

/** The bounds of all spaces together, and of one. */
export interface MemorySpacesOptions<Value> {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** The part of both that one owner may have. */
  readonly tenantShare: number;
  readonly bytesOf: (value: Value) => number;
}

/** The values of many owners, within common bounds. Those that were used longest ago leave first. */
export interface MemorySpaces<Value> {
  get(owner: Owner, id: string): Value | undefined;
  /** Keeps a value, unless it is larger than the owner's share. */
  set(owner: Owner, id: string, value: Value): void;
  delete(owner: Owner, id: string): void;
  deleteIf(owner: Owner, test: (value: Value) => boolean): void;
  /** Deletes what the owner has, or all. */
  clear(owner?: Owner): void;
}

interface Item<Value> {
  readonly id: string;
  readonly value: Value;
  readonly bytes: number;
  readonly space: Space<Value>;
}

/** What one owner has, the least recently used first. */
interface Space<Value> {
  readonly owner: Owner;
  readonly items: Map<string, Item<Value>>;
  bytes: number;
}

/** What an item takes besides its texts: two places in a map, the objects, the id. */
const overheadBytes = 250;

/** Values in memory. Where they are too many, an owner that has more than an equal part makes room for itself. */
export function memorySpaces<Value>(options: MemorySpacesOptions<Value>): MemorySpaces<Value> {
  const { maxEntries, maxBytes, tenantShare, bytesOf } = options;
  const [shareEntries, shareBytes] = [Math.max(1, Math.floor(maxEntries * tenantShare)), maxBytes * tenantShare];
  const spaces = new Map<Owner, Space<Value>>();
  // The least recently used comes first.
  const all = new Set<Item<Value>>();
  let bytes = 0;
  // The last one that was seen to have more than the others.
  let large: Space<Value> | undefined;

  function remove(item: Item<Value> | undefined): void {
    if (item === undefined || !all.delete(item)) return;
    const { space } = item;
    space.items.delete(item.id);
    space.bytes -= item.bytes;
    bytes -= item.bytes;
    if (space.items.size === 0) spaces.delete(space.owner);
  }

  /** Whether the space has more than it would have if all had the same. */
  function hasMoreThanOthers({ items, bytes: own }: Space<Value>): boolean {
    if (items.size <= 1) return false;
    return all.size > maxEntries ? items.size > all.size / spaces.size : own > bytes / spaces.size;
  }

  function makeRoom(space: Space<Value>): void {
    while (space.items.size > shareEntries || space.bytes > shareBytes) remove(first(space.items.values()));
    while (all.size > maxEntries || bytes > maxBytes) {
      if (hasMoreThanOthers(space)) large = space;
      else if (large !== undefined && !hasMoreThanOthers(large)) large = undefined;
      remove(first((large?.items ?? all).values()));
    }
  }

  return {
    get(owner, id) {
      const space = spaces.get(owner);
      const item = space?.items.get(id);
      if (space === undefined || item === undefined) return undefined;
      space.items.delete(id);
      space.items.set(id, item);
      all.delete(item);
      all.add(item);
      return item.value;
    },

    set(owner, id, value) {
      remove(spaces.get(owner)?.items.get(id));
      const size = overheadBytes + id.length + bytesOf(value);
      if (size > shareBytes) return;
      const space = spaces.get(owner) ?? { owner, items: new Map(), bytes: 0 };
      const item = { id, value, bytes: size, space };
      spaces.set(owner, space);
      space.items.set(id, item);
      all.add(item);
      space.bytes += size;
      bytes += size;
      makeRoom(space);
    },

    delete(owner, id) {
      remove(spaces.get(owner)?.items.get(id));
    },

    deleteIf(owner, test) {
      for (const item of [...(spaces.get(owner)?.items.values() ?? [])]) if (test(item.value)) remove(item);
    },

    clear(owner) {
      const gone = owner === undefined ? all : (spaces.get(owner)?.items.values() ?? []);
      for (const item of [...gone]) remove(item);
    },
  };
}

/** V8 uses one byte for each character of Latin text, and two for those of any other. */
export function textBytes(text: string): number {
  return /[^\0-\xff]/.test(text) ? 2 * text.length : text.length;
}

function first<Item>(items: Iterator<Item, undefined>): Item | undefined {
  return items.next().value;
}
