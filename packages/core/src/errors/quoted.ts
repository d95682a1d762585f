/** Formats an untrusted value for a message: on one line, in quotes, and short. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return value === null ? 'null' : `(a value of type ${typeof value})`;
  return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
}
