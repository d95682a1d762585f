/** Whether a value is a text that PostgreSQL can keep: Unicode without the character U+0000. */
export function isStorableText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}
