/** A value as JSON, or `null` where there is none. */
export function asJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The value of a JSON text, or `undefined` where there is none. */
export function ofJson(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}
