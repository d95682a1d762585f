import { inspect } from 'node:util';

// A colon makes it a password, which may hold anything; digits and a slash after it make it a port.
const userInfo = /:\/\/(?:[^\s'"`/:@]{0,512}@|[^\s'"`/:@]{0,512}:(?!\d+\/)[^\s'"`]{0,512}@)/g;
const secret =
  /((?:password|passwd|pwd|secret|token|api[-_]?key)["']?\s{0,9}[=:]\s{0,9})("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&)}\]]+)/gi;

/** The text with the credentials in its URLs (`user:secret@`) and settings (`password=…`) masked. */
export function redact(text: string): string {
  return text.replace(userInfo, '://***@').replace(secret, '$1***');
}

/** The cause itself where nothing in it looks like a credential; otherwise a copy that has them masked. */
export function withoutCredentials(cause: unknown): unknown {
  if (typeof cause === 'string') return redact(cause);
  if (typeof cause !== 'object' || cause === null || isClean(cause)) return cause;
  if (!(cause instanceof Error)) return redact(inspect(cause));

  const copy = new Error(redact(cause.message));
  copy.name = cause.name;
  if (cause.stack !== undefined) copy.stack = redact(cause.stack);
  for (const [key, value] of Object.entries(cause)) {
    if (typeof value === 'string') Object.assign(copy, { [key]: redact(value) });
    else if (typeof value !== 'object' && typeof value !== 'function') Object.assign(copy, { [key]: value });
  }
  if ('cause' in cause) copy.cause = withoutCredentials(cause.cause);
  if (cause instanceof AggregateError) Object.assign(copy, { errors: cause.errors.map(withoutCredentials) });
  return copy;
}

function isClean(cause: object): boolean {
  const shown = inspect(cause, { depth: 6, maxArrayLength: 100 });
  return redact(shown) === shown;
}
