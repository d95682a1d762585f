/** A read with its values apart from it. */
export interface PreparableRead {
  /** What it is known by on a connection: the text with numbered parameters, and their types. */
  readonly statement: string;
  /** The values, as they would stand in the text. */
  readonly values: string;
}

/**
 * Takes a read apart, from what stands between its values and the values as SQL. Each parameter has the type that PostgreSQL gives the
 * value in the text, so nothing is compared in another way. `undefined` where there is a value whose type is not one of those known here,
 * and for a page behind the first: each would be a statement of its own, and take the place of others.
 */
export function preparableRead(pieces: readonly string[], literals: readonly string[]): PreparableRead | undefined {
  if (literals.length !== pieces.length - 1) return undefined;
  let text = pieces[0] ?? '';
  const types: string[] = [];
  const values: string[] = [];
  for (const [n, literal] of literals.entries()) {
    const before = pieces[n] ?? '';
    if (before.endsWith(' offset ')) return undefined;
    // PostgreSQL plans a read by how many rows are wanted.
    if (before.endsWith(' limit ')) text += literal;
    else {
      const type = typeOf(literal);
      if (type === undefined) return undefined;
      types.push(type);
      values.push(literal);
      text += `$${types.length}`;
    }
    text += pieces[n + 1];
  }
  const declared = types.length === 0 ? '' : ` (${types.join(', ')})`;
  return { statement: `${declared} as ${text}`, values: values.length === 0 ? '' : ` (${values.join(', ')})` };
}

/** A text in quotes has no type until it is compared with something. */
function typeOf(literal: string): string | undefined {
  if (/^-?\d{1,9}$/.test(literal)) return 'int4';
  if (/^ ?E?'/.test(literal)) return 'unknown';
  return literal === 'true' || literal === 'false' ? 'bool' : undefined;
}
