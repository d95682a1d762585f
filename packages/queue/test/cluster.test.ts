import { createTenancy, memoryStore } from '@omnitenant/core';
import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Cluster, Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { FlowProducer, Queue, queueResource, Worker } from '../src/index.ts';
import { watch } from './fixtures/site.ts';

// A node of its own refuses what is not in one slot, as many would.
test.skipIf(!(await obtainable('redis-server')))(
  'on a cluster jobs are added, done in turns, scheduled for all, and removed with their tenant',
  async () => {
    await using server = await testRedisServer({ flags: clusterFlags });
    const port = Number(new URL(server.url).port);
    const admin = new Redis(server.url);
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383);
    await vi.waitUntil(async () => /cluster_state:ok/.test(String(await admin.cluster('INFO'))));
    const connect = () => new Cluster([{ host: '127.0.0.1', port }], { redisOptions: { maxRetriesPerRequest: null } });
    const connections = [connect(), connect()] as const;
    const options = { connection: connections[0], prefix: '{jobs}' };
    const queue = new Queue<number>('work', options);
    const tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
    for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
    const flows = new FlowProducer(options);
    for (const id of ['acme', 'beta']) {
      await tenancy.run(id, async () => {
        await queue.addBulk([1, 2, 3].map((data) => ({ name: 'many', data })));
        await flows.add({ name: 'parent', queueName: 'work', children: [{ name: 'child', queueName: 'work' }] });
        await queue.add('later', 0, { delay: 100_000 });
      });
    }
    await tenancy.central(() => queue.upsertJobSchedulerForTenants('digest', { every: 60_000, limit: 1 }));
    const seen: string[] = [];
    const worker = new Worker<number>('work', async ({ name }) => void seen.push(`${tenancy.current().id} ${name}`), {
      ...options,
      connection: connections[1],
      tenancy,
      fair: { concurrency: 1 },
      concurrency: 4,
    });
    await watch(worker as never).settled(2 * 6 + 1);
    const names = ['child', 'digest', 'many', 'many', 'many', 'parent'];
    expect(seen.sort()).toEqual(['acme', 'beta'].flatMap((id) => names.map((name) => `${id} ${name}`)));
    await tenancy.tenants.remove('acme');
    expect((await queue.getDelayed()).map(({ opts }) => String(Reflect.get(opts, 'tenant')))).toEqual([
      expect.stringMatching(/^beta@/),
    ]);
    await worker.close();
    await flows.close();
    await tenancy.close();
    for (const connection of connections) connection.disconnect();
    admin.disconnect();
  },
);

/** The nodes talk to each other on a port of their own, which has to be one that there is. */
function clusterFlags(port: number): string[] {
  return [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-port',
    String(port > 50_000 ? port - 10_000 : port + 10_000),
  ];
}
