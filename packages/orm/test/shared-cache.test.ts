import { MemoryCacheAdapter, type Options } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { Plan } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

test('two applications that share a result cache have a central each', async () => {
  const shared = new MemoryCacheAdapter({ expiration: 60_000 });
  // MikroORM makes an adapter of the class for each of its instances.
  class Shared {
    constructor() {
      // biome-ignore lint/correctness/noConstructorReturn: each instance is to have the same one
      return shared;
    }
  }
  async function open(name: string) {
    const database = await plainDatabase();
    const config = {
      ...defineConfig({ clientUrl: database.url }),
      resultCache: { adapter: Shared },
    } as unknown as Partial<Options>;
    const library = await runLibrary(config);
    await library.tenancy.central(() => library.orm.em.insert(Plan, { id: 1, name }));
    const plans = () =>
      library.tenancy.central(async () => {
        const named = await library.orm.em.fork().find(Plan, {}, { cache: ['plans', 60_000] });
        const found = await library.orm.em.fork().find(Plan, {}, { cache: 60_000 });
        return [...named, ...found].map((plan) => plan.name);
      });
    return {
      plans,
      async [Symbol.asyncDispose]() {
        await library[Symbol.asyncDispose]();
        await database.drop();
      },
    };
  }
  await using one = await open('of one');
  await using other = await open('of the other');
  expect(await one.plans()).toEqual(['of one', 'of one']);
  expect(await other.plans()).toEqual(['of the other', 'of the other']);
  expect(await one.plans()).toEqual(['of one', 'of one']);
});
