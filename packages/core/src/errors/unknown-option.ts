/** The names of all options of a type: the compiler says which one is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * What is wrong with the names of options, to follow what has the options: `has no option "resolvers"; did you mean "resolver"?`;
 * `undefined` if all of them are known.
 */
export function unknownOption<Options>(given: object, known: OptionNames<Options>): string | undefined {
  const names = Object.keys(known);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  const near = nearest(unknown, names);
  return `has no option "${unknown}"${near === undefined ? `. It has: ${names.join(', ')}.` : `; did you mean "${near}"?`}`;
}

/**
 * The same where the options are another library's as well, which may have any: only a name that was probably meant as a known one is
 * wrong.
 */
export function misspelledOption<Options>(given: object, known: OptionNames<Options>): string | undefined {
  const names = Object.keys(known);
  for (const name of Object.keys(given)) {
    const near = names.includes(name) ? undefined : nearest(name, names);
    if (near !== undefined) return `has no option "${name}"; did you mean "${near}"?`;
  }
  return undefined;
}

/** The name that was probably meant: one that begins alike, or that differs by a letter or two. */
function nearest(given: string, names: readonly string[]): string | undefined {
  const [closest] = names
    .map((name) => ({ name, distance: distance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  if (closest !== undefined && closest.distance <= 2) return closest.name;
  return names.find((name) => given.startsWith(name) || (given.length > 2 && name.startsWith(given)));
}

/** How many letters have to be changed, added or left out. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
