import Cursor from 'pg-cursor';

/** A cursor that answers `copy`, which `pg` would otherwise call methods for that `pg-cursor` does not have. */
export class StreamCursor extends Cursor {
  handleCopyInResponse(connection: { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail('Nothing can be copied into a table by a stream.');
  }

  handleCopyData(): void {}
}
