/** Does the work for each item, so many at a time, and returns the results in the order of the items. */
export async function inParallel<Item, R>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  async function worker(): Promise<void> {
    for (const [index, item] of left) results[index] = await work(item);
  }
  const workers = await Promise.allSettled(Array.from({ length: concurrency }, worker));
  for (const outcome of workers) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}

/** The items in groups of at most this many. */
export function inChunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}
