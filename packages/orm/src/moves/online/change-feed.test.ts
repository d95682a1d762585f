import { expect, test } from 'vitest';
import type { Pools } from '../../connections/pools.ts';
import { openChangeFeed } from './change-feed.ts';

/** A message with a line, as PostgreSQL streams it. */
function line(text: string): Buffer {
  return Buffer.concat([Buffer.from('w'), Buffer.alloc(24), Buffer.from(text)]);
}

test('a mark is not found behind a change that was not understood, also if both come before its statement is answered', async () => {
  let onData: (message: Buffer) => void = () => {};
  const pools = {
    replicate: async () => ({
      query: async () => [{ snapshot_name: 'a' }],
      stream: (_: string, receive: typeof onData) => {
        onData = receive;
        return { send: () => {}, pause: () => {}, resume: () => {} };
      },
      close: async () => {},
    }),
    query: async (_: unknown, sql: string) => {
      const [, content] = /'(omnitenant_[^']+)'\)$/.exec(sql) ?? [];
      if (isBroken) onData(line('table a.b: NONSENSE'));
      onData(line(`message: transactional: 1 prefix: omnitenant, sz: 9 content:${content}`));
      return [];
    },
  } as unknown as Pools;
  let isBroken = false;
  const feed = await openChangeFeed(pools, { server: 'default', database: 'a' });
  feed.start(() => undefined);
  await feed.mark();
  isBroken = true;
  await expect(feed.mark()).rejects.toThrow(SyntaxError);
  isBroken = false;
  await expect(feed.mark()).rejects.toThrow(SyntaxError);
  await feed.close();
});
