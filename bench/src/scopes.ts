import { defineConfig, MikroORM, RequestContext } from '@mikro-orm/postgresql';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { createOrm } from '@omnitenant/orm';
import type { Round } from './figure.ts';
import { answer } from './worker.ts';
import { entities } from './workload.ts';

export type ScopesCalls = typeof calls;

const calls = {
  /** Microseconds for a scope and its EntityManager, and for MikroORM's request context and its, round by round. */
  async measure({ rounds, scopes }: { readonly rounds: number; readonly scopes: number }): Promise<Round[]> {
    const config = defineConfig({
      dbName: 'nowhere',
      entities,
      ensureDatabase: false,
      migrations: { migrationsList: [] },
    });
    const plain = await MikroORM.init(config);
    const orm = await createOrm(config);
    // No database is asked: the tenants are kept in memory.
    const store = Object.assign(orm.store, memoryStore());
    const tenancy = createTenancy({ resources: [orm] });
    const draft = { id: 'acme', config: {} };
    await store.insert(
      { ...draft, name: 'Acme', status: 'active', ...(await orm[resource].place?.(draft)) } as never,
      [],
    );

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
    return measured;
  },
};

answer(calls);
