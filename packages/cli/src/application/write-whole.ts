import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** Writes a file that only its owner reads, and that is whole or not there. What its disk refuses is explained, unlike what the bytes fail for. */
export async function writeWhole(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  // Of its own, so that two processes that write the same file do not write into each other's.
  const partial = `${file}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await pipeline(bytes, createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }), { signal });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw explained(file, error);
  }
}

/** Why a disk takes no more, by the code of its error. */
const refusals: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk has no space left',
  EDQUOT: 'the quota of its disk is used up',
  EFBIG: 'it would be larger than a file may be there',
};

function explained(file: string, error: unknown): unknown {
  const refusal = refusals[String((error as NodeJS.ErrnoException).code)];
  if (refusal === undefined) return error;
  return new Error(`${file} could not be written, and nothing of it was kept: ${refusal}.`, { cause: error });
}
