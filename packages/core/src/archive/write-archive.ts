import { createHash } from 'node:crypto';
import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
// Node 20 has no zstd: it would fail to load this, before a sentence could say which Node is required.
import zlib from 'node:zlib';
import { createTarPacker, type TarPackController } from 'modern-tar';
import {
  type ArchiveDigest,
  type ArchiveManifest,
  type ArchivePart,
  digestsEntry,
  isPartName,
  manifestEntry,
  type PartDigest,
  pieceName,
} from './archive-part.ts';

/** The lowest level: rows come out hardly larger than at zstd's usual 3, in half the processor's time, of which that was the most. */
const compression = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

/** Parts are written in pieces, because an entry of a tar begins with its size. */
const pieceBytes = 1 << 20;

/**
 * Writes an archive: a tar, compressed with zstd, of the manifest, the parts in pieces and the digests of the parts. The names of `parts` are
 * `resource/part`. It ends or destroys `output`.
 */
export async function writeArchive(
  manifest: ArchiveManifest,
  parts: AsyncIterable<ArchivePart>,
  output: Writable,
): Promise<ArchiveDigest> {
  const { readable, controller: tar } = createTarPacker();
  const hash = createHash('sha256');
  let bytes = 0;
  const measured = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      done(null, chunk);
    },
  });
  const filling = fill(tar, manifest, parts).catch((error: Error) => {
    tar.error(error);
    return Promise.reject(error);
  });
  const [flowed, filled] = await Promise.allSettled([
    pipeline(Readable.from(readable), zlib.createZstdCompress(compression), measured, output),
    filling,
  ]);
  // Where the reader went away, filling fails for that only.
  if (flowed.status === 'rejected') throw flowed.reason;
  if (filled.status === 'rejected') throw filled.reason;
  return { bytes, sha256: hash.digest('hex'), parts: filled.value };
}

async function fill(
  tar: TarPackController,
  manifest: ArchiveManifest,
  parts: AsyncIterable<ArchivePart>,
): Promise<readonly PartDigest[]> {
  const digests: PartDigest[] = [];
  await addEntry(tar, manifestEntry, asJson(manifest));
  for await (const { name, bytes } of parts) {
    if (!isPartName(name) || digests.some((digest) => digest.name === name)) {
      throw new TypeError(`A part of an archive cannot be called "${name}".`);
    }
    digests.push(await addPart(tar, name, bytes));
  }
  await addEntry(tar, digestsEntry, asJson({ parts: digests }));
  tar.finalize();
  return digests;
}

async function addPart(tar: TarPackController, name: string, content: AsyncIterable<Uint8Array>): Promise<PartDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  let piece = 0;
  for await (const chunk of inPieces(content)) {
    hash.update(chunk);
    bytes += chunk.byteLength;
    piece += 1;
    await addEntry(tar, pieceName(name, piece), chunk);
  }
  // A part without bytes is there all the same.
  if (piece === 0) await addEntry(tar, pieceName(name, 1), Buffer.alloc(0));
  return { name, bytes, sha256: hash.digest('hex') };
}

async function addEntry(tar: TarPackController, name: string, content: Uint8Array): Promise<void> {
  const header = { name, size: content.byteLength, mode: 0o600, mtime: new Date(0), type: 'file' } as const;
  const entry = tar.add(header).getWriter();
  if (content.byteLength > 0) await entry.write(content);
  await entry.close();
}

async function* inPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    held.push(chunk);
    size += chunk.byteLength;
    if (size < pieceBytes) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(held);
}

function asJson(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}
