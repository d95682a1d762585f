import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
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

/** Deletes what processes have left in a folder that were killed while they wrote there. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!partialName.test(name)) continue;
    const file = join(folder, name);
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedMs) await rm(file, { force: true });
  }
}

const partialName = /\.[\da-f]{8}\.partial$/;

/** Nobody writes to a file for so long without a byte. */
const abandonedMs = 86_400_000;

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
