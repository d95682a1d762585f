/**
 * How long a plain read may run where others wait behind it, in milliseconds. What takes longer is cancelled, and sent again on a
 * connection of its own.
 */
export const quickMs = 50;

/** How long a slow read is sent on a connection of its own, in milliseconds. */
const slowMs = 60_000;

/** How often within that time a form may be cut for reasons other than its own. */
const pausesMax = 3;

/** How many reads of a form share connections before they are prepared. */
const frequent = 3;

/** What is known of reads that differ in their values only. */
export class PlainRead {
  /** What stands between the placeholders of its values. */
  readonly pieces: readonly string[];
  #quick = false;
  #slowUntil = 0;
  #shared = 0;
  /** When reads of it were cut that shared connections: once for all that were under way. */
  #pauses: number[] = [];

  constructor(text: string) {
    this.pieces = text.split('?');
  }

  /** Whether the last one that had a connection of its own was quick, so that others may wait behind the next. */
  get quick(): boolean {
    return this.#quick;
  }

  /** Counts one more that shares a connection; true when there were enough for preparing them to pay. */
  isFrequent(): boolean {
    this.#shared += 1;
    return this.#shared > frequent;
  }

  /**
   * One had a connection of its own from `start` on. One that was cancelled for the others' sake, and is quick when it is sent again, had
   * waited for a busy machine: its form is not slow, unless that is how it goes all the time.
   */
  doneSince(start: number, { wasCut = false } = {}): void {
    const now = performance.now();
    const isQuick = now - start < quickMs;
    if (wasCut) this.#slowUntil = isQuick && this.#pauses.length < pausesMax ? 0 : now + slowMs;
    this.#quick = isQuick && now >= this.#slowUntil;
  }

  /** One was cancelled for the others' sake. */
  cut(): void {
    const now = performance.now();
    if (this.#quick) this.#pauses = [...this.#pauses.filter((at) => at > now - slowMs), now];
    this.#quick = false;
    this.#slowUntil = now + slowMs;
  }
}

/** What was read last, by its text without values: `false` for what is no plain read. */
const known = new Map<string, PlainRead | false>();
const knownMax = 1_000;

/**
 * Judges a select that MikroORM's driver has made from the metadata, by its text with placeholders for its values. It is plain where
 * nothing stands in it but quoted names and the few words that such a select is made of: no piece of SQL of the
 * application's, no function but `count`, no lock.
 */
export function plainReadOf(text: string): PlainRead | undefined {
  const found = known.get(text);
  if (found !== undefined) return found || undefined;
  const read = isPlain(text) && new PlainRead(text);
  if (known.size === knownMax) known.clear();
  known.set(text, read);
  return read || undefined;
}

/** Reads the text once, from token to token. */
function isPlain(text: string): boolean {
  if (!text.startsWith('select ')) return false;
  const scan = new RegExp(token);
  let before = '';
  while (scan.lastIndex < text.length) {
    const found = scan.exec(text);
    if (!found) return false;
    const [part] = found;
    if (/^[a-z]/.test(part) && !words.has(part)) return false;
    // A name in front of a parenthesis is a function's.
    if (part.startsWith('(') && before.endsWith('"')) return false;
    if (part !== ' ') before = part;
  }
  return true;
}

/** MikroORM would put a value in place of a question mark within a name. */
const token = /[a-z]+|"[^"?]*"| |\?|\d+(?![a-z])|\(|[).,=*]|[<>]=?|!=/y;

const words: ReadonlySet<string> = new Set(
  (
    'select distinct count from as left inner join on where and or not in is null like ilike between exists ' +
    'group order by asc desc nulls first last limit offset true false'
  ).split(' '),
);
