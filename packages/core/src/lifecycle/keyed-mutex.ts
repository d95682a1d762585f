/** A mutex per key: actions with the same key run one after another, and others concurrently. Each is told whether it waited. */
export function keyedMutex(): <R>(id: string, act: (waited: boolean) => Promise<R>) => Promise<R> {
  const last = new Map<string, Promise<void>>();

  return async (id, act) => {
    const before = last.get(id);
    const { promise: mine, resolve: done } = Promise.withResolvers<void>();
    last.set(id, mine);
    try {
      await before;
      return await act(before !== undefined);
    } finally {
      if (last.get(id) === mine) last.delete(id);
      done();
    }
  };
}
