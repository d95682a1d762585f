import { inspect } from 'node:util';

/** Everything that a value holds, as one text: strings and bytes as they are, what holds others with all of it. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString();
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  const bytes = new Set<string>();
  const text = inspect(value, {
    depth: 20,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Number.POSITIVE_INFINITY,
  });
  // What inspect shows of bytes is short and in hexadecimal.
  if (text.includes('<Buffer') || text.includes('Uint8Array(')) collectBytes(value, bytes, new Set());
  return [text, ...bytes].join(' ');
}

function collectBytes(value: unknown, into: Set<string>, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (ArrayBuffer.isView(value)) into.add(textOf(value));
  else
    for (const part of value instanceof Map ? [...value].flat() : Object.values(value)) collectBytes(part, into, seen);
}
