import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileWriter } from './archive-file.ts';

test('two that write the same file at once leave a whole one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'omnitenant-writer-'));
  try {
    const write = await fileWriter(undefined, new AbortController().signal);
    const file = join(folder, 'acme.tar.zst');
    const halfway = Promise.withResolvers<void>();
    async function* slow() {
      yield Buffer.from('first ');
      await halfway.promise;
      yield Buffer.from('archive');
    }
    const first = write(ReadableStream.from(slow()), file);
    await write(ReadableStream.from([Buffer.from('second archive')]), file);
    expect(await readFile(file, 'utf8')).toBe('second archive');
    halfway.resolve();
    await first;
    expect(await readFile(file, 'utf8')).toBe('first archive');
    expect(await readdir(folder)).toEqual(['acme.tar.zst']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
