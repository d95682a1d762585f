/** The first `limit` of what was found, of which one more was asked for, and the id after which the next page begins. */
export function pageOf<Found>(
  found: readonly Found[],
  limit: number,
  idOf: (each: Found) => string,
): { readonly shown: readonly Found[]; readonly next: string | null } {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return { shown, next: last !== undefined && found.length > limit ? idOf(last) : null };
}
