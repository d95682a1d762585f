import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { openSite } from './fixtures/site.ts';

test('the jobs of each tenant are counted, each attempt, and those of central are not', async () => {
  await using site = await openSite(await testRedis(), { usage: true });
  const queue = site.queue();
  const work = site.work(queue, async (job) => {
    if (job.name === 'fails') throw new Error('it fails');
  });
  await site.tenancy.run('acme', () => queue.addBulk(['a', 'b', 'c'].map((name) => ({ name, data: {} }))));
  await site.tenancy.run('beta', () => queue.add('fails', {}));
  await site.tenancy.central(() => queue.add('clean', {}));
  await work.settled(5);
  expect(await site.tenancy.usage()).toMatchObject([
    { tenant: 'acme', jobs: 3 },
    { tenant: 'beta', jobs: 1 },
  ]);
});
