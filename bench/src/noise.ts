import { isTenancyError } from '@omnitenant/core';
import type { Isolation } from './options.ts';
import type { SiteDatabase } from './site.ts';
import { type BenchTenancy, openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { insertUsers, User } from './workload.ts';

export interface NoiseOptions {
  readonly database: SiteDatabase;
  readonly isolation: Isolation;
  readonly rounds: number;
  readonly seconds: number;
}

export type NoiseCalls = typeof calls;

/** Statements of the noisy tenant that are under way or wait at any moment. */
const slowQueries = 500;
/** Requests of the quiet tenant at a time. */
const quietRequests = 4;

const calls = {
  /**
   * The 99th percentile of a quiet tenant's requests, in milliseconds: beside a tenant with 500 slow queries, and by itself. They
   * sleep, so what is compared is the waiting for connections and not the processor.
   */
  async measure({ database, isolation, rounds, seconds }: NoiseOptions) {
    const bench = await openTenancy({ ...database });
    try {
      await bench.tenancy.migrateCentral();
      for (const [n, id] of ['noisy', 'quiet'].entries()) {
        await bench.tenancy.tenants.create({ id, isolation });
        await bench.tenancy.run(id, () => bench.orm.em.execute(insertUsers(id, n * 1_000 + 1)));
      }
      await quietly(bench, seconds);
      const measured: { tenancy: number; plain: number }[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const plain = await quietly(bench, seconds);
        const noise = makeNoise(bench);
        const tenancy = await quietly(bench, seconds);
        await noise.end();
        measured.push({ tenancy, plain });
      }
      return measured;
    } finally {
      await bench.tenancy.close();
    }
  },
};

/** Reads, and writes in transactions; gives the 99th percentile of how long they took. */
async function quietly({ tenancy, orm }: BenchTenancy, seconds: number): Promise<number> {
  const times: number[] = [];
  const until = performance.now() + seconds * 1_000;
  const requests = Array.from({ length: quietRequests }, async () => {
    for (let n = 0; performance.now() < until; n += 1) {
      const start = performance.now();
      await tenancy.run('quiet', async () => {
        if (n % 4 > 0) await orm.em.find(User, {}, { limit: 1 });
        else await orm.em.transactional((em) => em.execute('select 1'));
      });
      times.push(performance.now() - start);
    }
  });
  await Promise.all(requests);
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

function makeNoise({ tenancy, orm }: BenchTenancy) {
  let isOver = false;
  const slow = Array.from({ length: slowQueries }, async () => {
    while (!isOver) {
      try {
        await tenancy.run('noisy', () => orm.em.execute('select pg_sleep(0.2)'));
      } catch (error) {
        if (!isTenancyError(error, 'SHARE_EXHAUSTED') && !isTenancyError(error, 'CONNECTIONS_EXHAUSTED')) throw error;
      }
    }
  });
  return {
    async end(): Promise<void> {
      isOver = true;
      await Promise.all(slow);
    },
  };
}

answer(calls);
