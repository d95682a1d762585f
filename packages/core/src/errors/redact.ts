import { inspect } from 'node:util';

// After a colon stands a password, which may contain anything, or a port: digits and a slash.
const userInfo = /:\/\/(?:[^\s'"`/:@]{0,512}@|[^\s'"`/:@]{0,512}:(?!\d+\/)[^\s'"`]{0,512}@)/g;

/** The words that name a secret. A text is masked only after a `certain` one; `ambiguous` ones are common in prose. */
const secretWords = {
  certain: ['password', 'passwd', 'pwd', 'secret', 'token', 'api[-_]?key'],
  ambiguous: ['pass', 'key', 'credential', 'auth', 'dsn', 'cookie', 'private'],
};

const value = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&)}\]]+)/.source;
const secretSetting = new RegExp(`((?:${secretWords.certain.join('|')})["']?\\s{0,9}[=:]\\s{0,9})${value}`, 'gi');
const secretName = new RegExp([...secretWords.certain, ...secretWords.ambiguous].join('|'), 'i');

/** The text with the credentials in its URLs (`user:secret@`) and settings (`password=…`) masked. */
export function redact(text: string): string {
  return text.replace(userInfo, '://***@').replace(secretSetting, '$1***');
}

/** Whether the name of a setting says that its value is secret. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** What stands in place of a secret. */
const masked = '***';

/** A copy as plain JSON, in which values with a secret-like name or form are masked. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return redact(withoutUserInfo(value));
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  const shown = ([name, held]: [string, unknown]) => [name, isSecretName(name) ? masked : withoutSecrets(held)];
  return Object.fromEntries(Object.entries(value).map(shown));
}

/** A setting that is a URL as a whole, whose password may have what ends a URL in prose: quotes and blanks. */
function withoutUserInfo(text: string): string {
  const { username = '', password = '' } = URL.parse(text) ?? {};
  if (username === '' && password === '') return text;
  const shown = text.replace(/:\/\/[^/?#\\]*@/, `://${masked}@`);
  return shown === text ? masked : shown;
}

/** The columns of a tenant as plain JSON, with secrets and hidden columns masked: `pin`, or `billing.iban` within another one. */
export function withoutHidden(columns: object, hidden: readonly string[] = []): unknown {
  return withoutSecrets(maskedAt(columns, hidden));
}

/** The value with those masked that the paths lead to, which are in each member of an array. */
function maskedAt(held: unknown, paths: readonly string[]): unknown {
  if (held == null || paths.length === 0) return held;
  if (paths.includes('')) return masked;
  if (Array.isArray(held)) return held.map((each) => maskedAt(each, paths));
  if (typeof held !== 'object' || held instanceof Date) return held;
  const within = (name: string) =>
    paths.filter((path) => path === name || path.startsWith(`${name}.`)).map((path) => path.slice(name.length + 1));
  return Object.fromEntries(Object.entries(held).map(([name, value]) => [name, maskedAt(value, within(name))]));
}

/** The cause itself, or a copy with its credentials masked if it contains any. */
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
