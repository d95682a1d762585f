/** Where the application keeps the archives of tenants. Operators name them, and never get their bytes. */
export interface AdminArchives {
  /** Keeps an archive under a name that no other has. Resolves once it has read all of it and keeps it for good. */
  write(name: string, archive: ReadableStream<Uint8Array>): Promise<void>;
  /** The bytes of the archive that has this name. Rejects where there is none. */
  read(name: string): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
}
