import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { defineConfig } from '@mikro-orm/postgresql';
import { createCache } from '@omnitenant/cache';
import { createTenancy, isTenancyError, type Nudge, type Tenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { answer } from './worker.ts';

export interface ProcessOptions {
  readonly url: string;
  /** How the processes tell each other of changes. */
  readonly nudge: 'none' | 'postgresql' | { readonly redis: string };
}

export type StalenessCalls = typeof calls;

/** The time, the same in all processes of a machine, in milliseconds. */
const now = (): number => performance.timeOrigin + performance.now();

const nameOf = (n: number): string => `n${n}`;

const calls = {
  /** Makes the tenant. */
  async prepare(options: ProcessOptions): Promise<void> {
    await using tenancy = await open(options);
    await tenancy.migrateCentral();
    await tenancy.tenants.create({ id: 'acme', name: nameOf(0) });
  },

  /** Gives the tenant its first name again. */
  async rename(options: ProcessOptions): Promise<void> {
    await using tenancy = await open(options);
    await tenancy.tenants.update('acme', { name: nameOf(0) });
  },

  /** Changes the tenant's name again and again, at no particular moments, and gives when each change was asked for. */
  async change({ changes, ...options }: ProcessOptions & { readonly changes: number }): Promise<number[]> {
    await using tenancy = await open(options);
    const asked: number[] = [];
    // The other process has begun to ask, and to listen.
    await pause(1_000);
    for (let n = 1; n <= changes; n += 1) {
      await pause(50 + Math.random() * 200);
      asked.push(now());
      await tenancy.tenants.update('acme', { name: nameOf(n) });
    }
    return asked;
  },

  /** Asks for the tenant as traffic does, and gives when each change was seen first. */
  async watch({ changes, ...options }: ProcessOptions & { readonly changes: number }): Promise<number[]> {
    await using tenancy = await open(options);
    const seen: number[] = [];
    while (seen.length < changes) {
      const { name } = await tenancy.tenants.get('acme');
      // A change that was overtaken by another before it was seen was stale for as long.
      for (const n = Number(name.slice(1)); seen.length < n; ) seen.push(now());
      await pause(1);
    }
    return seen;
  },

  /** For how many milliseconds a process that has lost central still answers from memory. */
  async gone({ url, trustMs }: { readonly url: string; readonly trustMs: number }): Promise<number> {
    await using way = await wayTo(url);
    await using tenancy = await open({ url: way.url, nudge: 'postgresql' }, trustMs);
    await tenancy.tenants.get('acme');
    const cutAt = now();
    way.cut();
    let servedAt = cutAt;
    while (now() - cutAt < trustMs * 3) {
      const served = await tenancy.tenants.get('acme').catch((error) => {
        if (isTenancyError(error, 'STORE_UNAVAILABLE')) return undefined;
        throw error;
      });
      if (served === undefined) break;
      servedAt = now();
      await pause(1);
    }
    return servedAt - cutAt;
  },
};

answer(calls);

async function open({ url, nudge }: ProcessOptions, trustMs = 30_000): Promise<Tenancy> {
  const orm = await createOrm(defineConfig({ clientUrl: url, entities: [] }));
  const cache = createCache(typeof nudge === 'object' ? { redis: nudge.redis } : {});
  return createTenancy({ resources: [orm, cache], nudge: nudgeOf(), cache: { ttlMs: 3_600_000, trustMs } });

  function nudgeOf(): Nudge | undefined {
    if (nudge === 'none') return undefined;
    return nudge === 'postgresql' ? orm.nudge() : cache.nudge();
  }
}

/** A way to a server that can be cut. */
async function wayTo(url: string): Promise<{ readonly url: string; cut(): void } & AsyncDisposable> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = dial(Number(port || 5432), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {}).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String((server.address() as { port: number }).port);
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: through.href, cut, [Symbol.asyncDispose]: async () => cut() };
}
