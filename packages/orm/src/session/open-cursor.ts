/** The members of `pg-cursor` that are used here. */
export interface OpenCursor {
  readonly text?: string;
  /** Set when it was submitted. */
  readonly connection?: unknown;
  readonly state?: string;
  handleError?(error: Error): void;
  submit?(connection: unknown): unknown;
}

/** Ends a cursor with an error for whoever reads from it, and lets the connection go on. One that has failed has done both. */
export function failCursor(cursor: OpenCursor, error: Error): void {
  if (cursor.connection && cursor.state !== 'error') cursor.handleError?.(error);
}

/** Has a cursor ask whether it may run when all before it is answered, which is when it is submitted. */
export function guardedCursor<Cursor extends OpenCursor>(cursor: Cursor, refusal: () => Error | undefined): Cursor {
  const { submit } = cursor;
  if (submit) cursor.submit = (connection) => refusal() ?? submit.call(cursor, connection);
  return cursor;
}
