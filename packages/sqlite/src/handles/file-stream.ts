/** Rows that are read while they are used. */
export interface FileStream extends IterableIterator<unknown> {
  close(): void;
}

/** The rows of a query. `release` is called once, after the last one or when it is closed. */
export function fileStream(rows: IterableIterator<unknown>, release: () => void): FileStream {
  let isOver = false;

  function close(): void {
    if (isOver) return;
    isOver = true;
    rows.return?.();
    release();
  }

  return {
    next() {
      if (isOver) return { done: true, value: undefined };
      const row = rows.next();
      if (row.done) close();
      return row;
    },
    return() {
      close();
      return { done: true, value: undefined };
    },
    close,
    [Symbol.iterator]() {
      return this;
    },
  };
}
