/**
 * Does something once for each of several things, told apart by their keys: `undefined` where that is done. What has failed is done
 * again at the next call.
 */
export function onceEach<On extends object>(
  keyOf: (on: On) => string,
  act: (on: On) => Promise<unknown>,
): (on: On) => Promise<void> | undefined {
  const known = new Map<string, Promise<void> | 'done'>();
  // A key is made for each statement otherwise.
  const done = new WeakSet<On>();
  return (on) => {
    if (done.has(on)) return undefined;
    const key = keyOf(on);
    const state = known.get(key);
    if (state === 'done') done.add(on);
    if (state !== undefined) return state === 'done' ? undefined : state;
    const acting = act(on).then(
      () => void known.set(key, 'done'),
      (error: unknown) => {
        known.delete(key);
        throw error;
      },
    );
    known.set(key, acting);
    return acting;
  };
}
