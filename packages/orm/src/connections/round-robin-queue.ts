/** A queue that serves whoever asks in turn, however much each of them asks for. */
export class RoundRobinQueue<Item> {
  // A list and no Map: thousands a second come and go under load, and V8 keeps a Map's dead tables, and what they hold, alive.
  readonly #lines: Line<Item>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The oldest item of whoever's turn it is. */
  peek(): Item | undefined {
    return this.#lines[0]?.items[0];
  }

  add(whose: string, item: Item): void {
    const line = this.#lineOf(whose);
    if (line) line.items.push(item);
    else this.#lines.push({ whose, items: [item] });
    this.#size += 1;
  }

  /** Takes out the oldest item of whoever's turn it is. */
  next(): Item | undefined {
    const line = this.#lines.shift();
    if (!line) return undefined;
    this.#size -= 1;
    const item = line.items.shift();
    if (line.items.length > 0) this.#lines.push(line);
    return item;
  }

  /** Takes out that item, whose turn has not come. */
  remove(whose: string, item: Item): void {
    const line = this.#lineOf(whose);
    const at = line?.items.indexOf(item) ?? -1;
    if (!line || at === -1) return;
    this.#size -= 1;
    line.items.splice(at, 1);
    if (line.items.length === 0) this.#lines.splice(this.#lines.indexOf(line), 1);
  }

  #lineOf(whose: string): Line<Item> | undefined {
    for (const line of this.#lines) if (line.whose === whose) return line;
    return undefined;
  }
}

interface Line<Item> {
  readonly whose: string;
  readonly items: Item[];
}
