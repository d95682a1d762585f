import { setTimeout as pause } from 'node:timers/promises';
import { noisy, type Soaked } from './soak-web.ts';
import { tenantId } from './workload.ts';

const slowQueries = 500;
const openTransactions = 50;
const unknownPerSecond = 2_000;
const tickMs = 20;
/** After how long a client that was refused comes back. */
const retryMs = 100;

/** Three tenants that are noisy in ways of their own, until it is ended. */
export function makeNoise(app: Soaked): { end(): Promise<void> } {
  let isOver = false;
  async function repeated(work: () => Promise<unknown>): Promise<void> {
    while (!isOver) if ((await work()) === false) await pause(retryMs);
  }
  const { inTenant, orm, tenancy, tally } = app;
  const slow = tenantId(noisy.slow);
  const holding = tenantId(noisy.holding);
  const flooding = tenantId(noisy.flooding);
  let asked = 0;
  const ways = [
    ...Array.from({ length: slowQueries }, () =>
      repeated(() => inTenant(slow, () => orm.em.execute('select pg_sleep(0.2)'))),
    ),
    ...Array.from({ length: openTransactions }, () =>
      repeated(() =>
        inTenant(holding, () =>
          orm.em.transactional(async (em) => {
            await em.execute('select 1');
            await pause(200);
          }),
        ),
      ),
    ),
    // About 2 MB each.
    repeated(async () => {
      await inTenant(flooding, () => orm.em.execute(`select repeat('x', 200) as x from generate_series(1, 10000)`));
      await pause(250);
    }),
    // Hosts that lead to no tenant, of which none is asked for twice.
    repeated(async () => {
      await pause(tickMs);
      const lookups = Array.from({ length: (unknownPerSecond * tickMs) / 1_000 }, () => {
        asked += 1;
        tally.lookups += 1;
        return Promise.resolve(tenancy.tenants.findByDomain(`u${asked}.${flooding}.test`)).catch(() => {
          tally.cut += 1;
        });
      });
      await Promise.all(lookups);
    }),
  ];
  return {
    async end() {
      isOver = true;
      await Promise.all(ways);
    },
  };
}
