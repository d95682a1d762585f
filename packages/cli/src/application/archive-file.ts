import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { Cancelled, UsageError } from '../terminal/failure.ts';
import { decryptionWith, encryptionTo } from './encryption.ts';
import { writeWhole } from './write-whole.ts';

/** A file that was written: its size, and the digest that sha256sum prints. */
export interface WrittenFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

type Bytes = ReadableStream<Uint8Array>;

/** Refuses to begin where there is something already. */
export function refuseExisting(file: string): void {
  if (existsSync(file)) throw new UsageError(`The file ${file} already exists. Choose another with --to.`);
}

/** Writes archives, encrypted to a key if there is one, with `keep`. Where that fails, no more is read of them. */
export async function archiveWriter(
  encryptTo: string | undefined,
  keep: (file: string, bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<(bytes: Bytes, file: string) => Promise<WrittenFile>> {
  const encrypt = encryptTo === undefined ? async (bytes: Bytes) => bytes : await encryptionTo(encryptTo);
  return async (bytes, file) => {
    const hash = createHash('sha256');
    let size = 0;
    async function* measured(): AsyncGenerator<Uint8Array> {
      for await (const chunk of await encrypt(bytes)) {
        hash.update(chunk);
        size += chunk.byteLength;
        yield chunk;
      }
    }
    try {
      await keep(file, measured());
    } catch (error) {
      await bytes.cancel().catch(() => {});
      throw error;
    }
    return { file, bytes: size, sha256: hash.digest('hex') };
  };
}

/** Writes archives into files that only their owner reads, and that are whole or not there. */
export function fileWriter(encryptTo: string | undefined, signal: AbortSignal): ReturnType<typeof archiveWriter> {
  return archiveWriter(encryptTo, (file, bytes) =>
    writeWhole(file, bytes, signal).catch((error: unknown) => Promise.reject(signal.aborted ? new Cancelled() : error)),
  );
}

/** Reads an archive from a file, or from standard input for `-`. */
export async function readArchive(file: string, identity: string | undefined): Promise<AsyncIterable<Uint8Array>> {
  if (file !== '-' && !existsSync(file)) throw new UsageError(`There is no file ${file}.`);
  return decrypted(file === '-' ? process.stdin : createReadStream(file), identity);
}

/** The bytes, decrypted with the keys in a file if there is one. */
export async function decrypted(
  bytes: AsyncIterable<Uint8Array>,
  identity: string | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (identity === undefined) return bytes;
  const decrypt = await decryptionWith(identity);
  return decrypt(ReadableStream.from(bytes));
}

/** The name that an archive has by itself. */
export function archiveName(name: string, encryptTo: string | undefined): string {
  return `${name}.tar.zst${encryptTo === undefined ? '' : '.age'}`;
}

/** A size for people. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
