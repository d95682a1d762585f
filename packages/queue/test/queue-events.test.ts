import { currentScope } from '@omnitenant/core/extend';
import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { QueueEvents } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

test.each([true, false])(
  'events that are listened to from the scope of one tenant come in no scope (autorun: %s)',
  async (autorun) => {
    await using site = await openSite(await testRedis());
    const queue = site.queue();
    const seen: unknown[] = [];
    const events = await site.tenancy.run('acme', () => {
      const options = { connection: site.connection, prefix: site.prefix, autorun, lastEventId: '0' };
      const made = site.closing(new QueueEvents(queue.name, options));
      for (const name of ['active', 'completed'] as const) made.on(name, () => void seen.push(name, currentScope()));
      if (!autorun) void made.run();
      return made;
    });
    await events.waitUntilReady();
    site.work(queue, async () => 'result');
    const result = await site.tenancy.run('beta', async () => {
      const job = await queue.add('job', {});
      return job.waitUntilFinished(events);
    });
    expect(result).toBe('result');
    expect(seen).toEqual(['active', undefined, 'completed', undefined]);
  },
);
