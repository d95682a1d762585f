/** Rows that are read while they are used. */
export interface FileStream extends IterableIterator<unknown> {
  /** Ends it before its last row, for whoever reads it: the next row is an error, so that nobody takes what was read for the whole. */
  close(): void;
}

export interface FileStreamOptions {
  /** Called once, after the last row or when it is left or closed. */
  readonly release: () => void;
  readonly cut: () => Error;
}

/** The rows of a query. */
export function fileStream(rows: IterableIterator<unknown>, { release, cut }: FileStreamOptions): FileStream {
  let isOver = false;
  let isCut = false;

  function end(): void {
    if (isOver) return;
    isOver = true;
    rows.return?.();
    release();
  }

  return {
    next() {
      if (isCut) throw cut();
      if (isOver) return { done: true, value: undefined };
      const row = rows.next();
      if (row.done) end();
      return row;
    },
    return() {
      end();
      return { done: true, value: undefined };
    },
    close() {
      isCut = !isOver;
      end();
    },
    [Symbol.iterator]() {
      return this;
    },
  };
}
