import { expect, test } from 'vitest';
import { partsInOrder } from './orm-manifest.ts';

test('a manifest that does not end is refused', async () => {
  const megabyte = Buffer.alloc(1 << 20, ' ');
  async function* endless() {
    for (;;) yield megabyte;
  }
  async function* parts() {
    yield { name: 'manifest', bytes: endless() };
  }
  await expect(partsInOrder(parts()).json('manifest')).rejects.toMatchObject({
    code: 'ARCHIVE_INVALID',
    message: expect.stringContaining('too long'),
  });
});
