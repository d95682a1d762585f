import { beginMessage, endMessage, maybeEnd } from '../sql/lexer.ts';
import { asksSession, leavesNoTable, suspect } from './cleanup.ts';

/**
 * For how long a plain read may run where others wait behind it, in milliseconds. What takes longer is ended, and sent again
 * on a connection of its own.
 */
export const quickMs = 50;

/** How long a read that was ended for the others' sake is sent on a connection of its own, in milliseconds. */
const slowMs = 60_000;

/** What is known of statements that differ in their values only. */
export class Shape {
  /** Whether there is nothing to look after: it reads, and leaves nothing behind. */
  readonly plain: boolean;
  #quick = false;
  #slowUntil = 0;

  constructor(sql: string) {
    this.plain = isPlain(sql);
  }

  /** Whether the last of them that had a connection of its own was done soon, so that others may wait behind the next. */
  get quick(): boolean {
    return this.#quick;
  }

  /** One had a connection of its own from then on. */
  doneSince(start: number): void {
    const now = performance.now();
    this.#quick = now - start < quickMs && now >= this.#slowUntil;
  }

  /** One was ended for the others' sake. */
  wasSlow(): void {
    this.#quick = false;
    this.#slowUntil = performance.now() + slowMs;
  }
}

/** The shapes of the statements that were sent last. */
const shapes = new Map<string, Shape>();
const shapesKept = 1_000;

/** What is known of the shape, which is a statement without its values. */
export function shapeOf(sql: string): Shape {
  const known = shapes.get(sql);
  if (known) return known;
  const shape = new Shape(sql);
  if (shapes.size === shapesKept) shapes.clear();
  shapes.set(sql, shape);
  return shape;
}

/** What has to be looked at more closely than almost every statement. */
const noteworthy = new RegExp(
  [beginMessage, endMessage, suspect, maybeEnd, asksSession].map(({ source }) => source).join('|'),
  'i',
);

/** Whether a statement reads, and leaves nothing behind. */
export function isPlain(sql: string): boolean {
  return select.test(sql) && !obscure.test(sql) && !noteworthy.test(sql) && leavesNoTable(sql);
}

const select = /^\s*select\b/i;

/** What a call may hide in: a comment, letters beyond ASCII, a function of a common name in another schema; and `1into`. */
const obscure = /\/\*|--|[^\p{ASCII}]|\.\s*\w+\s*\(|\dinto\b/iu;
