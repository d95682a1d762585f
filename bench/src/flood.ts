import { setTimeout as pause } from 'node:timers/promises';
import type { SiteDatabase } from './site.ts';
import { openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { hostOf, tenantId } from './workload.ts';

export interface FloodOptions {
  readonly database: SiteDatabase;
  readonly tenants: number;
  readonly seconds: number;
}

export type FloodCalls = typeof calls;

/** Hosts that lead to no tenant, of which none is asked for twice. */
const unknownPerSecond = 20_000;
const tickMs = 10;

const calls = {
  /** Milliseconds that the lookup of a tenant takes that is not in memory, beside the flood; and how many unknown hosts a second there were. */
  async measure({
    database,
    tenants,
    seconds,
  }: FloodOptions): Promise<{ times: number[]; rate: number; refused: number }> {
    const { tenancy } = await openTenancy(database);
    try {
      await tenancy.migrateCentral();
      for (let n = 1; n <= tenants; n += 1) {
        const id = tenantId(n);
        await tenancy.tenants.create({ id, isolation: 'row', domains: [hostOf(id)] });
      }
    } finally {
      await tenancy.close();
    }
    // Another process, which has none of them in memory.
    const { tenancy: flooded } = await openTenancy(database);
    const times: number[] = [];
    let asked = 0;
    let refused = 0;
    let isOver = false;
    const start = performance.now();
    async function flood(): Promise<void> {
      while (!isOver) {
        const due = ((performance.now() - start) / 1_000) * unknownPerSecond;
        for (; asked < due; asked += 1) {
          Promise.resolve(flooded.tenants.findByDomain(`u${asked}.example.test`)).catch(() => {
            refused += 1;
          });
        }
        await pause(tickMs);
      }
    }
    const flooding = flood();
    try {
      for (let n = 1; n <= tenants; n += 1) {
        await pause((seconds * 1_000) / tenants);
        const began = performance.now();
        const found = await flooded.tenants.findByDomain(hostOf(tenantId(n)));
        times.push(performance.now() - began);
        if (found?.id !== tenantId(n)) throw new Error(`The host of "${tenantId(n)}" led to "${found?.id}".`);
      }
      return { times, rate: asked / ((performance.now() - start) / 1_000), refused };
    } finally {
      isOver = true;
      await flooding;
      await flooded.close();
    }
  },
};

answer(calls);
