import { randomBytes } from 'node:crypto';

/** Makes a value of the current tenant's that no other tenant may see: a new one at each call, 16 letters and digits. */
export type CanaryMaker = (name: string) => string;

/** A value that tells whose it is wherever it turns up. */
export interface Canary {
  readonly text: string;
  readonly tenant: string;
  readonly name: string;
  /** What made it, such as the seed. */
  readonly origin: string;
}

/** A canary that was found in a text, with what is around it. */
export interface FoundCanary {
  readonly canary: Canary;
  readonly excerpt: string;
}

/** The canaries of one leak test. */
export interface Canaries {
  /** What all of them begin with. */
  readonly mark: string;
  readonly all: Iterable<Canary>;
  makerOf(tenant: string, origin: string): CanaryMaker;
  /** Those that are in a text: as they are, in other case, in hexadecimal or in base64. Each is found once. */
  find(text: string): FoundCanary[];
  /** A text without them. */
  without(text: string): string;
}

export function createCanaries(): Canaries {
  const mark = `canary${randomBytes(3).toString('hex')}`;
  const pattern = new RegExp(`${mark}[0-9a-z]{4}`, 'gi');
  const canaries = new Map<string, Canary>();
  return {
    mark,
    all: { [Symbol.iterator]: () => canaries.values() },
    makerOf: (tenant, origin) => (name) => {
      const text = `${mark}${canaries.size.toString(36).padStart(4, '0')}`;
      canaries.set(text, { text, tenant, name, origin });
      return text;
    },
    find: (text) => {
      const found = new Map<Canary, FoundCanary>();
      for (const form of [text, ...decoded(text)]) {
        for (const match of form.matchAll(pattern)) {
          const canary = canaries.get(match[0].toLowerCase());
          if (canary && !found.has(canary)) found.set(canary, { canary, excerpt: around(form, match) });
        }
      }
      return [...found.values()];
    },
    without: (text) => text.replaceAll(pattern, ''),
  };
}

/** What a text may hold in other letters: cursors, tokens and bytes. */
const decoded = function* (text: string): Generator<string> {
  for (const [run] of text.matchAll(/[\w+/-]{22,}/g)) {
    // Where the encoded part begins inside of the run is not known.
    for (let start = 0; start < 4; start += 1) yield Buffer.from(run.slice(start), 'base64').toString('latin1');
  }
  for (const [run] of text.matchAll(/[0-9a-f]{32,}/gi)) {
    for (let start = 0; start < 2; start += 1) yield Buffer.from(run.slice(start), 'hex').toString('latin1');
  }
};

function around(text: string, { 0: { length }, index }: RegExpExecArray): string {
  const [from, to] = [Math.max(0, index - 50), Math.min(text.length, index + length + 50)];
  const cut = text.slice(from, to).replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return `${from > 0 ? '…' : ''}${cut}${to < text.length ? '…' : ''}`;
}
