import { subscribe } from 'node:diagnostics_channel';
import { setTimeout as pause } from 'node:timers/promises';
import { type Cache, createCache } from '@omnitenant/cache';
import { isTenancyError } from '@omnitenant/core';
import type { OrmDiagnostics } from '@omnitenant/orm';
import { Client } from 'pg';
import type { SiteDatabase } from './site.ts';
import { between } from './soak-counters.ts';
import { makeNoise } from './soak-noise.ts';
import { type BenchTenancy, openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { hostOf, insertUsers, tenantId, User, usersPerTenant } from './workload.ts';

export interface SoakOptions {
  readonly database: SiteDatabase;
  readonly redis: string;
  readonly tenants: number;
}

/** What the requests have done, to hold the counters against. */
export interface Tally {
  entered: number;
  lookups: number;
  /** Requests for a connection that waited for too long, or were one too many. */
  refused: number;
  /** Requests that a server let wait for too long: the pool counts those among them that waited for it. */
  late: number;
  /** Requests for which a server was gone. */
  cut: number;
  /** Answers that were not the tenant's. */
  foreign: number;
}

/** An application that is soaked. */
export interface Soaked extends BenchTenancy {
  readonly cache: Cache;
  readonly tally: Tally;
  readonly tenants: number;
  /** Runs in a tenant, and tells what it was refused for; what nothing explains is thrown. */
  inTenant(id: string, fn: () => Promise<unknown>): Promise<boolean>;
}

export type SoakWebCalls = typeof calls;

/** These are the noisy ones; all others are quiet. */
export const noisy = { slow: 1, holding: 2, flooding: 3, queueing: 4 } as const;
const quietRequests = 4;
let soaked: Soaked | undefined;

const calls = {
  /** Makes the tenants, of which every tenth has a schema of its own and the others share tables. */
  async start({ database, redis, tenants }: SoakOptions): Promise<void> {
    const cache = createCache({ redis });
    const bench = await openTenancy({ ...database, resources: [cache] });
    await bench.tenancy.migrateCentral();
    for (let n = 1; n <= tenants; n += 1) {
      const id = tenantId(n);
      await bench.tenancy.tenants.create({ id, isolation: isolationOf(n), domains: [hostOf(id)] });
      await bench.tenancy.run(id, () => bench.orm.em.execute(insertUsers(id, firstUser(n))));
    }
    await bench.tenancy.close();
    soaked = await open({ database, redis, tenants });
  },

  /** The 99th percentile of quiet tenants' requests, in milliseconds: alone and beside the noise. And the heap after it, in bytes. */
  async cycle({ seconds }: { readonly seconds: number }) {
    const app = started();
    const plain = await quietly(app, seconds);
    const noise = makeNoise(app);
    const tenancy = await quietly(app, seconds);
    await noise.end();
    return { plain, tenancy, heap: await heapOf() };
  },

  /** The same noise while connections of every kind are cut. Nothing is timed. */
  async cut({ database, seconds }: { readonly database: SiteDatabase; readonly seconds: number }): Promise<void> {
    const app = started();
    const noise = makeNoise(app);
    const quiet = quietly(app, seconds);
    const client = new Client(database.url);
    await client.connect();
    for (let n = 0; n < seconds; n += 1) {
      await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where usename = current_user and pid <> pg_backend_pid() and backend_type = 'client backend'`);
      await pause(1_000);
    }
    await quiet;
    await noise.end();
    await client.end();
  },

  /** Closes the application, and gives what its counters say beside what the requests have done. */
  async end(): Promise<{ tally: Tally; counters: Record<string, readonly [counted: number, done: number]> }> {
    const { tenancy, orm, tally } = started();
    const { scopes, lookups } = tenancy.stats();
    const servers = Object.values(orm.stats().servers);
    const sum = (key: 'refused' | 'inUse' | 'waiting') => servers.reduce((all, stats) => all + stats[key], 0);
    const counters = {
      'scopes entered': [scopes.entered, tally.entered],
      'scopes open': [scopes.open, 0],
      lookups: [lookups.hits + lookups.misses, tally.lookups],
      'requests refused a connection': [
        sum('refused'),
        between(sum('refused'), tally.refused, tally.refused + tally.late),
      ],
      'requests that wait': [sum('waiting'), 0],
    } as const;
    await tenancy.close();
    return { tally, counters };
  },
};

function started(): Soaked {
  if (soaked === undefined) throw new Error('Call start first.');
  return soaked;
}

async function open({ database, redis, tenants }: SoakOptions): Promise<Soaked> {
  const cache = createCache({ redis });
  const bench = await openTenancy({ ...database, resources: [cache] });
  const tally: Tally = { entered: 0, lookups: 0, refused: 0, late: 0, cut: 0, foreign: 0 };
  async function inTenant(id: string, fn: () => Promise<unknown>): Promise<boolean> {
    tally.lookups += 1;
    try {
      await bench.tenancy.run(id, () => {
        tally.entered += 1;
        return fn();
      });
      return true;
    } catch (error) {
      note(tally, error);
      return false;
    }
  }
  subscribe('omnitenant:orm:refused', (refusal) => {
    const { code, message } = refusal as OrmDiagnostics['omnitenant:orm:refused'];
    if (code !== 'SERVER_UNAVAILABLE') tally.refused += 1;
    else if (message.includes('did not answer in time')) tally.late += 1;
  });
  return { ...bench, cache, tally, tenants, inTenant };
}

/** Counts a request for which a server was gone; one that was refused its connection is counted where that is told. */
function note(tally: Tally, error: unknown): void {
  if (isTenancyError(error, 'SHARE_EXHAUSTED') || isTenancyError(error, 'CONNECTIONS_EXHAUSTED')) return;
  if (isTenancyError(error, 'SERVER_UNAVAILABLE') || isTenancyError(error, 'STORE_UNAVAILABLE')) tally.cut += 1;
  else throw error;
}

/** Reads, writes and caches in quiet tenants, each answer checked; gives the 99th percentile of how long that took. */
async function quietly(app: Soaked, seconds: number): Promise<number> {
  const times: number[] = [];
  const until = performance.now() + seconds * 1_000;
  const first = Math.max(...Object.values(noisy)) + 1;
  const requests = Array.from({ length: quietRequests }, async (_, offset) => {
    for (let turn = offset; performance.now() < until; turn += quietRequests) {
      const n = first + ((turn * 7) % (app.tenants - first + 1));
      const start = performance.now();
      if (await app.inTenant(tenantId(n), () => quietRequest(app, n, turn))) times.push(performance.now() - start);
    }
  });
  await Promise.all(requests);
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

async function quietRequest({ orm, cache, tally }: Soaked, n: number, turn: number): Promise<void> {
  const id = tenantId(n);
  const names: (string | undefined)[] = [];
  if (turn % 4 === 0) {
    const change = `update users set created_at = now() where id = ${firstUser(n)} returning name`;
    names.push(...(await orm.em.transactional((em) => em.execute<{ name: string }[]>(change))).map(({ name }) => name));
  } else names.push(...(await orm.em.find(User, {}, { limit: 2 })).map(({ name }) => name));
  names.push(await cache.getOrSet('whose', async () => `value of ${id}`));
  tally.foreign += names.filter((name) => name?.endsWith(` of ${id}`) !== true).length;
}

function isolationOf(n: number): 'schema' | 'row' {
  return n % 10 === 0 ? 'schema' : 'row';
}

/** Where tenants share a table, they share its keys. */
function firstUser(n: number): number {
  return (n - 1) * usersPerTenant + 1;
}

/** The heap in bytes, after what nobody needs is gone. */
async function heapOf(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await pause(50);
    global.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

answer(calls);
