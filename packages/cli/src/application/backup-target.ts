/**
 * Where `backup` writes to: a folder, a bucket, anything that keeps bytes under names. Names are relative paths such as
 * `acme/2026-01-31T02-00-00.000Z.tar.zst`.
 */
export interface BackupTarget {
  /** Keeps the bytes under the name, all of them or nothing, in place of what is there. Where reading them fails, nothing is kept. */
  write(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes under the name; `undefined` if there are none. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** The names that begin with these letters. */
  list(prefix: string): AsyncIterable<string>;
  /** Deletes what is under the name; does nothing if there is nothing. */
  delete(name: string): Promise<void>;
}
