import Cursor from 'pg-cursor';

/** A cursor that answers `copy`, that leaves the connection alone once it has failed, as somebody else may have it by then, and that closes with it. */
export class StreamCursor extends Cursor {
  declare private state: string;
  declare private connection: CursorConnection | null;

  handleCopyInResponse(connection: { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail('Nothing can be copied into a table by a stream.');
  }

  handleCopyData(): void {}

  /** What a failed cursor read from has ended with its transaction. A connection that is gone answers no more. */
  override close: Cursor['close'] = (async () => {
    const { connection } = this;
    if (this.state === 'error' || connection?.stream.destroyed) return;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    connection?.once('end', resolve);
    await Promise.race([super.close(), ended]);
    connection?.off('end', resolve);
  }) as Cursor['close'];
}

interface CursorConnection {
  readonly stream: { readonly destroyed: boolean };
  once(event: 'end', listener: () => void): void;
  off(event: 'end', listener: () => void): void;
}
