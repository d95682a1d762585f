import assert from 'node:assert/strict';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { obtainable, plainDatabase, testPgBouncer } from '@omnitenant/tooling';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import type { Actor, ItemShop, Operation, ScopeOperation } from './fixtures/random-program.ts';
import { perform } from './fixtures/random-scopes.ts';
import { chains, endings, failures, traces } from './fixtures/random-sessions.ts';
import { assertRows, CreateItems, Item, itemEntities, Notice, RowModel } from './fixtures/row-model.ts';
import { readers, writers } from './fixtures/row-operations.ts';

/** How many programs are tried, such as `OMNITENANT_PROPERTY_RUNS=2000`, for how many seconds, and from which seed. */
const {
  OMNITENANT_PROPERTY_RUNS: runs,
  OMNITENANT_PROPERTY_SECONDS: seconds,
  OMNITENANT_PROPERTY_SEED: fixedSeed,
} = process.env;
const seed = fixedSeed === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(fixedSeed);
const numRuns = runs === undefined ? 80 : Number(runs);
const timeLimit = Number(seconds ?? (runs === undefined ? 4 : 86_400)) * 1_000;
const poolers = (await obtainable('pgbouncer')) ? ['PostgreSQL', 'PgBouncer'] : ['PostgreSQL'];

describe.each([
  ...poolers,
  ...poolers.map((pooler) => `${pooler}, tenants that share tables with a login of their own`),
])('random programs on %s', (name) => {
  const [through, hasLogin] = [name.split(',')[0], name.includes('login')];
  let shop: ItemShop;
  const close: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const database = await plainDatabase();
    close.push(database.drop);
    let { url } = database;
    if (through === 'PgBouncer') {
      // What comes next is sent to another connection of the server.
      const settings = { ignore_startup_parameters: 'extra_float_digits', server_round_robin: 1 };
      const bouncer = await testPgBouncer({
        upstream: url,
        poolSize: 30,
        settings,
        users: { [`${database.name}_rows_tenants`]: 'tenants' },
      });
      close.push(bouncer.stop);
      url = bouncer.url;
    }
    const orm = await createOrm(
      defineConfig({
        clientUrl: url,
        entities: itemEntities,
        migrations: { migrationsList: [CreateItems] },
        driverOptions: { max: 30 },
      }),
      {
        names: { database: (id) => `${database.name}_${id}` },
        ...(hasLogin && { rows: { password: 'tenants', keys: generateCredentialsKey() } }),
      },
    );
    const tenancy = createTenancy({ resources: [orm] });
    close.push(tenancy.close);
    await tenancy.migrateCentral();
    const tenants: string[] = [];
    for (const isolation of ['schema', 'database', 'row', 'schema', 'database', 'row']) {
      const { id } = await tenancy.tenants.create({ id: `${isolation}-${tenants.length}`, isolation });
      close.push(() => tenancy.tenants.remove(id));
      // Only some, because where there is a function no reads share a connection.
      if (tenants.push(id) > 3 && isolation !== 'row') await tenancy.run(id, () => orm.em.execute(createFunction));
    }
    shop = { tenancy, orm, tenants };
  });

  afterAll(async () => {
    for (const undo of close.reverse()) await undo();
  });

  test('whatever scopes do at the same time, each tenant has the rows that it wrote and reads no others', {
    timeout: timeLimit + 30_000,
  }, async () => {
    const began = performance.now();
    let [operations, performed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(programs, { minLength: 2, maxLength: 6 }), async (actors) => {
        // What is running is not cut short: it would go on while its tenants are removed.
        if (performance.now() - began > timeLimit) return;
        performed += 1;
        await empty(shop);
        const model = new RowModel();
        const ends = await Promise.allSettled(
          actors.map((program, number) => {
            const actor: Actor = { ...shop, number, model, left: [], count: () => operations++ };
            return perform(actor, program);
          }),
        );
        for (const end of ends) if (end.status === 'rejected') throw end.reason;
        await assertModel(shop, model, actors.length);
      }),
      { seed, numRuns },
    );
    if (runs !== undefined) {
      const taken = ((performance.now() - began) / 1000).toFixed(1);
      console.info(`${operations} operations in ${performed} programs, seed ${seed}, ${taken} s`);
    }
    assert.ok(operations > 0);
  });
});

const createFunction = `create function items() returns setof item language plpgsql as $$ begin return query select * from item; end $$`;

const reads = fc.record({ do: fc.constant('read' as const), by: keysOf(readers) });
const writes = fc.record({ do: fc.constant('write' as const), by: keysOf(writers), key: fc.nat(3) });

/** An array of the scopes that one actor enters, one after the other. */
const { programs } = fc.letrec<{
  programs: ScopeOperation[];
  scope: ScopeOperation;
  operation: Operation;
  operations: Operation[];
}>((tie) => ({
  programs: fc.array(tie('scope'), { minLength: 1, maxLength: 5 }),
  scope: fc.record({
    do: fc.constantFrom('run' as const, 'run' as const, 'run' as const, 'run' as const, 'central' as const),
    tenant: fc.nat(50),
    operations: tie('operations'),
  }),
  operations: fc.array(tie('operation'), { maxLength: 8, depthIdentifier: 'scopes' }),
  operation: fc.oneof(
    { depthIdentifier: 'scopes', depthSize: 'large', maxDepth: 4 },
    { weight: 20, arbitrary: fc.oneof(reads, writes) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('garble', 'carry', 'leave', 'yield', 'abandon', 'inspect') }),
    },
    { weight: 1, arbitrary: ofSql('fail', failures) },
    { weight: 2, arbitrary: ofSql('litter', endings) },
    { weight: 2, arbitrary: ofSql('trace', traces) },
    { weight: 2, arbitrary: ofSql('chain', chains) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill', 'throw') }) },
    { weight: 3, arbitrary: tie('scope') },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('transaction' as const),
        by: fc.constantFrom('given', 'ambient', 'begin'),
        end: fc.constantFrom('commit', 'commit', 'rollback'),
        operations: tie('operations'),
      }),
    },
  ) as fc.Arbitrary<Operation>,
}));

function ofSql(name: 'fail' | 'litter' | 'trace' | 'chain', sql: readonly string[]): fc.Arbitrary<Operation> {
  return fc.record({ do: fc.constant(name), sql: fc.constantFrom(...sql) });
}

function keysOf<T extends object>(record: T): fc.Arbitrary<keyof T> {
  return fc.constantFrom(...(Object.keys(record) as (keyof T)[]));
}

async function empty({ tenancy, orm, tenants }: ItemShop): Promise<void> {
  await tenancy.central(() => orm.em.nativeDelete(Notice, {}));
  await Promise.all(tenants.map((id) => tenancy.run(id, () => orm.em.nativeDelete(Item, {}))));
}

async function assertModel({ tenancy, orm, tenants }: ItemShop, model: RowModel, actors: number): Promise<void> {
  const notices = await tenancy.central(() => orm.em.find(Notice, {}));
  assertRows('central', notices, model.all('central', actors), 'the end');
  for (const id of tenants) {
    const items = await tenancy.run(id, () => orm.em.execute<Item[]>('select key, value from item'));
    assertRows(id, items, model.all(id, actors), 'the end');
  }
}
