/** What refers to what: names of tables, with the names of the tables that their foreign keys lead to. */
export type References = ReadonlyMap<string, readonly string[]>;

/**
 * The tables in groups, so that each refers to its own group and to earlier ones only. Tables that refer to each other in a circle share a
 * group.
 */
export function foreignKeyOrder(references: References): readonly (readonly string[])[] {
  const left = new Map(references);
  const groups: (readonly string[])[] = [];
  while (left.size > 0) {
    const ready = [...left.keys()].filter((table) => targetsOf(table, left).length === 0);
    const next = ready.length > 0 ? ready.sort().map((table) => [table]) : [smallestCircle(left)];
    groups.push(...next);
    for (const table of next.flat()) left.delete(table);
  }
  return groups;
}

function targetsOf(table: string, left: References): readonly string[] {
  return (left.get(table) ?? []).filter((target) => target !== table && left.has(target));
}

/** Where every table refers to another, the one that reaches the fewest reaches those of its own circle. */
function smallestCircle(left: References): readonly string[] {
  const reached = [...left.keys()].map((table) => reachedFrom(table, left));
  const [smallest] = reached.sort((one, other) => one.size - other.size);
  return [...(smallest ?? [])].sort();
}

function reachedFrom(start: string, left: References): ReadonlySet<string> {
  const reached = new Set([start]);
  for (const table of reached) for (const target of targetsOf(table, left)) reached.add(target);
  return reached;
}
