import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createCache } from '../src/cache.ts';
import { application } from './fixtures/application.ts';

type Server = Awaited<ReturnType<typeof testRedisServer>>;

// Skipped only where no redis-server can be had.
describe.skipIf(!(await obtainable('redis-server')))('on a cluster of three nodes', () => {
  let nodes: { readonly server: Server; readonly admin: Redis }[];
  let cluster: Cluster;

  beforeAll(async () => {
    const servers = await Promise.all([0, 1, 2].map(() => testRedisServer({ flags: clusterFlags })));
    nodes = servers.map((server) => ({ server, admin: new Redis(server.url) }));
    await join(nodes.map(({ admin }) => admin));
    const [{ server }] = nodes as [(typeof nodes)[0]];
    cluster = new Cluster([{ host: '127.0.0.1', port: portOf(server.url) }]);
  });
  afterAll(async () => {
    cluster?.disconnect();
    for (const { admin, server } of nodes ?? []) {
      admin.disconnect();
      await server.stop();
    }
  });

  const size = async () => (await Promise.all(nodes.map(({ admin }) => admin.dbsize()))) as number[];

  test.each(['cache:', 'ours:v2:'])(
    'tenants are spread, and each has all its entries on one node (prefix %s)',
    async (prefix) => {
      const { cache, tenancy } = await application(createCache({ redis: cluster, prefix }));
      await using _ = tenancy;
      const ids = Array.from({ length: 30 }, (_, n) => `tenant-${n}`);
      for (const id of ids) await tenancy.tenants.create({ id });
      await Promise.all(
        ids.map((id) =>
          tenancy.run(id, async () => {
            for (const key of ['a', 'b:c', '{other}:d']) await cache.set(key, id, { tags: ['red', '{blue}'] });
            expect(await cache.increment('hits')).toBe(1);
            expect(await cache.getOrSet('e', () => id, { tags: ['{blue}'] })).toBe(id);
          }),
        ),
      );
      expect((await size()).every((keys) => keys > 0)).toBe(true);
      expect((await size()).reduce((sum, keys) => sum + keys)).toBe(ids.length);

      await tenancy.run('tenant-0', () => cache.invalidate('{blue}'));
      await tenancy.run('tenant-1', () => cache.clear());
      expect(await tenancy.run('tenant-0', () => cache.has('e'))).toBe(false);
      expect(await tenancy.run('tenant-0', () => cache.get('hits'))).toBe(1);
      expect(await tenancy.run('tenant-1', () => cache.has('hits'))).toBe(false);
      expect(await tenancy.run('tenant-2', () => cache.get('{other}:d'))).toBe('tenant-2');

      for (const id of ids) await tenancy.tenants.remove(id);
      expect(await size()).toEqual([0, 0, 0]);
    },
  );

  test('the prefix of the client itself is taken along', async () => {
    const [{ server }] = nodes as [(typeof nodes)[0]];
    const prefixed = new Cluster([{ host: '127.0.0.1', port: portOf(server.url) }], { keyPrefix: 'app:' });
    const { cache, tenancy } = await application(createCache({ redis: prefixed }));
    await tenancy.run('acme', () => cache.set('a', 1, { tags: ['red'] }));
    expect(await tenancy.run('acme', () => cache.get('a'))).toBe(1);
    const keys = (await Promise.all(nodes.map(({ admin }) => admin.keys('*')))).flat();
    expect(keys).toEqual([expect.stringMatching(/^app:cache:\{acme@\d+\}$/)]);
    await tenancy.tenants.remove('acme');
    expect(await size()).toEqual([0, 0, 0]);
    await tenancy.close();
    prefixed.disconnect();
  });
});

/** The nodes talk to each other on a port of their own, which has to be one that there is. */
function clusterFlags(port: number): string[] {
  return ['--cluster-enabled', 'yes', '--cluster-port', String(port > 50_000 ? port - 10_000 : port + 10_000)];
}

async function join(admins: readonly Redis[]): Promise<void> {
  const share = Math.ceil(16_384 / admins.length);
  for (const [index, admin] of admins.entries()) {
    const last = Math.min((index + 1) * share, 16_384) - 1;
    await admin.cluster('ADDSLOTSRANGE', index * share, last);
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    const { port = 0 } = admins[0]?.options ?? {};
    const bus = clusterFlags(port)[3] ?? '';
    if (index > 0) await admin.call('CLUSTER', 'MEET', '127.0.0.1', port, bus);
  }
  for (const admin of admins) {
    const isWhole = async () =>
      /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(String(await admin.cluster('INFO')));
    await vi.waitUntil(isWhole);
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
