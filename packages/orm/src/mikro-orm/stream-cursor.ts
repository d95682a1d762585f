import Cursor from 'pg-cursor';

/** A cursor that answers `copy`, and that leaves the connection alone once it has failed: somebody else may have it by then. */
export class StreamCursor extends Cursor {
  declare private state: string;

  handleCopyInResponse(connection: { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail('Nothing can be copied into a table by a stream.');
  }

  handleCopyData(): void {}

  /** What a failed cursor read from has ended with its transaction. */
  override close: Cursor['close'] = (() =>
    this.state === 'error' ? Promise.resolve() : super.close()) as Cursor['close'];
}
