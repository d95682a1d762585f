/** A queue with a line for each key. The keys are served in turn, however many items each has. */
export class RoundRobinQueue<Item> {
  // A list, not a Map: thousands of lines come and go in a second under load, and V8 keeps a Map's dead tables alive.
  readonly #lines: Line<Item>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The item that `next` would take. */
  peek(): Item | undefined {
    return this.#lines[0]?.items[0];
  }

  add(key: string, item: Item): void {
    const line = this.#lineOf(key);
    if (line) line.items.push(item);
    else this.#lines.push({ key, items: [item] });
    this.#size += 1;
  }

  /** Takes the oldest item of the next key. */
  next(): Item | undefined {
    const line = this.#lines.shift();
    if (!line) return undefined;
    this.#size -= 1;
    const item = line.items.shift();
    if (line.items.length > 0) this.#lines.push(line);
    return item;
  }

  /** Removes an item before its turn, and returns whether it was there. */
  remove(key: string, item: Item): boolean {
    const line = this.#lineOf(key);
    if (!line || !takeOut(line.items, item)) return false;
    this.#size -= 1;
    if (line.items.length === 0) takeOut(this.#lines, line);
    return true;
  }

  #lineOf(key: string): Line<Item> | undefined {
    for (const line of this.#lines) if (line.key === key) return line;
    return undefined;
  }
}

interface Line<Item> {
  readonly key: string;
  readonly items: Item[];
}

/** Removes an item from a list, and returns whether it was there. */
export function takeOut<Item>(list: Item[], item: Item): boolean {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
  return at !== -1;
}
