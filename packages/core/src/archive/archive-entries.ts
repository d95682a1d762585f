import { pipeline } from 'node:stream/promises';
// As in write-archive.ts, for the sentence about Node 20.
import zlib from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { isTenancyError, TenancyError } from '../errors/errors.ts';

/** The entries of a compressed tar, one at a time. Nothing is written anywhere, and names lead to no file. */
export interface ArchiveEntries {
  /** The name of the current entry; `undefined` after the last one. */
  readonly name: string | undefined;
  /** Goes on to the next entry; what was not read of the current one has to be read before. */
  advance(): Promise<void>;
  /** The bytes of the current entry. */
  content(): AsyncIterable<Uint8Array>;
  /** The current entry as JSON, if it has this name. */
  json(expected: string): Promise<unknown>;
  /** Stops reading. */
  close(): Promise<void>;
}

/** @throws ARCHIVE_INVALID, from all of its methods too; an error of the bytes' source as it is. */
export function openEntries(bytes: AsyncIterable<Uint8Array>): ArchiveEntries {
  const stop = new AbortController();
  const { source, isOfSource } = remembering(bytes);
  const plain = zlib.createZstdDecompress();
  const flowing = pipeline(checked(source), plain, { signal: stop.signal });
  flowing.catch(() => {});
  // Node 22 may have given the last byte before it has taken the last one, and destroying it then would be an error.
  const entries = ReadableStream.from<Uint8Array>(plain.iterator({ destroyOnReturn: false }))
    .pipeThrough(createTarDecoder({ strict: true }))
    [Symbol.asyncIterator]();
  let entry: ParsedTarEntry | undefined;

  function explained(error: unknown): unknown {
    return isOfSource(error) || isTenancyError(error) ? error : invalidArchive('it is damaged or incomplete', error);
  }

  async function* content(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of entry?.body ?? []) yield chunk;
    } catch (error) {
      throw explained(error);
    }
  }

  return {
    get name() {
      return entry?.header.name;
    },
    async advance() {
      try {
        const { value } = await entries.next();
        // The compression has an end of its own.
        if (value === undefined) await flowing;
        entry = value;
      } catch (error) {
        throw explained(error);
      }
      if (entry !== undefined && entry.header.type !== 'file') throw invalidArchive(`it holds "${entry.header.name}"`);
    },
    content,
    async json(expected) {
      if (entry?.header.name !== expected) throw invalidArchive(`it has no "${expected}" where one belongs`);
      if ((entry.header.size ?? 0) > longestJson) throw invalidArchive(`its "${expected}" is too long`);
      const chunks: Uint8Array[] = [];
      for await (const chunk of content()) chunks.push(chunk);
      try {
        return JSON.parse(Buffer.concat(chunks).toString());
      } catch (error) {
        throw invalidArchive(`its "${expected}" is not JSON`, error);
      }
    },
    async close() {
      // Its source may never answer, and nobody waits for that.
      stop.abort();
    },
  };
}

/** More than any tenant's record or list of parts takes, in bytes. */
const longestJson = 64 << 20;

const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

async function* checked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (start.byteLength >= zstdMagic.byteLength) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.byteLength < zstdMagic.byteLength) continue;
    if (start.toString('latin1').startsWith('age-')) throw invalidArchive('it is encrypted; decrypt it first');
    if (!start.subarray(0, zstdMagic.byteLength).equals(zstdMagic)) throw invalidArchive('it does not begin as one');
    yield start;
  }
  if (start.byteLength < zstdMagic.byteLength) throw invalidArchive('it is empty');
}

/** The bytes, and whether an error is one of reading them. */
function remembering(bytes: AsyncIterable<Uint8Array>): {
  readonly source: AsyncIterable<Uint8Array>;
  readonly isOfSource: (error: unknown) => boolean;
} {
  let failure: { readonly error: unknown } | undefined;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  return { source: source(), isOfSource: (error) => failure !== undefined && failure.error === error };
}

/** The error for bytes that are no archive, or a broken one. */
export function invalidArchive(why: string, cause?: unknown): TenancyError {
  return new TenancyError('ARCHIVE_INVALID', `This is no archive that can be imported: ${why}.`, { cause });
}
