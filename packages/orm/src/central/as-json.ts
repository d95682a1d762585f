/** A value as JSON that PostgreSQL can keep, or `null` for `undefined`. Characters that it cannot keep are replaced. */
export function asJson(value: unknown): string | null {
  return value === undefined
    ? null
    : JSON.stringify(value, (_, held) => (typeof held === 'string' ? kept(held) : held));
}

function kept(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
