import { defineConfig, MikroORM, RequestContext } from '@mikro-orm/postgresql';
import type { Round } from './figure.ts';
import type { SiteDatabase } from './site.ts';
import { openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { entities } from './workload.ts';

export type ScopesCalls = typeof calls;

const calls = {
  /** Microseconds for a scope and its EntityManager, and for MikroORM's request context and its, round by round. */
  async measure({ database, rounds, scopes }: Asked): Promise<Round[]> {
    const plain = await MikroORM.init(defineConfig({ clientUrl: database.url, entities, ensureDatabase: false }));
    const { orm, tenancy } = await openTenancy(database);
    await tenancy.migrateCentral();
    await tenancy.tenants.create({ id: 'acme' });

    const inTenancy = async () => {
      for (let n = 0; n < scopes; n += 1) await tenancy.run('acme', () => void orm.em.getContext());
    };
    const inPlain = async () => {
      for (let n = 0; n < scopes; n += 1) await RequestContext.create(plain.em, async () => void plain.em.getContext());
    };
    const timed = async (work: () => Promise<void>): Promise<number> => {
      const began = process.hrtime.bigint();
      await work();
      return Number(process.hrtime.bigint() - began) / scopes / 1_000;
    };
    await inTenancy();
    await inPlain();
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const tenancyFirst = round % 2 === 0 ? await timed(inTenancy) : undefined;
      const plainTime = await timed(inPlain);
      measured.push({ tenancy: tenancyFirst ?? (await timed(inTenancy)), plain: plainTime });
    }
    await Promise.all([tenancy.close(), plain.close()]);
    return measured;
  },
};

interface Asked {
  readonly database: SiteDatabase;
  readonly rounds: number;
  /** Scopes entered in a round. */
  readonly scopes: number;
}

answer(calls);
