import { Socket } from 'node:net';
import { defineEntity, p, Type } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, fromDomain } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DomainSchema, TenantSchema } from '../src/central/tenant-entity.ts';
import { createOrm } from '../src/orm.ts';

class Money {
  readonly #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  get cents(): number {
    return this.#cents;
  }
}

class MoneyType extends Type<Money, number> {
  override convertToDatabaseValue(value: Money | number): number {
    return value instanceof Money ? value.cents : value;
  }
  override convertToJSValue(value: number): Money {
    return new Money(value);
  }
  override getColumnType(): string {
    return 'integer';
  }
}

const Address = defineEntity({ name: 'Address', embeddable: true, properties: { city: p.string(), zip: p.string() } });
const Plan = defineEntity({
  name: 'Plan',
  schema: 'central',
  properties: { id: p.integer().primary(), name: p.string() },
});
const Customer = defineEntity({
  name: 'Customer',
  extends: TenantSchema,
  schema: 'central',
  properties: {
    fee: p.type(MoneyType).nullable(),
    address: () => p.embedded(Address).nullable(),
    plan: () => p.manyToOne(Plan).eager().nullable(),
  },
});
const hosts = (filters: object) =>
  defineEntity({
    name: 'Host',
    extends: DomainSchema,
    schema: 'central',
    properties: { closed: p.boolean().default(false) },
    ...filters,
  });
const ofAnyKind = hosts({});
const ofOpenHosts = hosts({ filters: { open: { name: 'open', cond: { closed: false }, default: true } } });
const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary() } });

/** What is written to sockets meanwhile. */
async function writesOf(act: () => Promise<unknown>): Promise<string[]> {
  const sent = vi.spyOn(Socket.prototype, 'write');
  try {
    await act();
    return sent.mock.calls.map(([message]) => Buffer.from(message).toString());
  } finally {
    sent.mockRestore();
  }
}

test.each([
  ['', ofAnyKind],
  [', with a filter of the application', ofOpenHosts],
])('a tenant is looked up by one query in one message, whatever its entity has in columns%s', async (_, Host) => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [Task, Plan, Address], migrations: { migrationsList: [] } }),
    {
      tenant: Customer as never,
      domain: Host as never,
    },
  );
  let now = 0;
  const cache = { clock: { now: () => now } };
  const tenancy = createTenancy({ resources: [orm], resolver: fromDomain(), cache });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  const client = new pg.Client(database.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(`insert into central.plan values (1, 'gold')`);
  await tenancy.tenants.create({
    id: 'acme',
    domains: ['acme.com'],
    fee: new Money(995),
    address: { city: 'Delft', zip: '2611' },
    plan: 1,
  } as never);
  const full = {
    id: 'acme',
    fee: expect.objectContaining({ cents: 995 }),
    address: { city: 'Delft', zip: '2611' },
    plan: 1,
  };
  const lookups: Record<string, () => Promise<unknown>> = {
    id: () => orm.store.find('acme'),
    host: () => orm.store.findByDomain('acme.com'),
    'a request of the host': () => tenancy.identify({ host: 'acme.com' } as never),
    'a request of www.': () => tenancy.identify({ host: 'www.acme.com' } as never),
  };
  for (const [name, lookUp] of Object.entries(lookups)) {
    await lookUp();
    now += 60_000;
    const writes = await writesOf(async () => expect(await lookUp(), name).toMatchObject(full));
    // What is prepared on a connection is prepared by itself, once.
    const queries = writes.filter((text) =>
      /;execute omnitenant_|^(?!.*;prepare ).*from "central"\."(customer|host|plan)"/s.test(text),
    );
    // A host with www. may be a domain itself, which is asked for first.
    expect(queries, name).toHaveLength(name === 'a request of www.' ? 2 : 1);
    now += 60_000;
  }
  // What the application has filtered away leads nowhere.
  await client.query('update central.host set closed = true');
  expect(await orm.store.findByDomain('acme.com')).toEqual(Host === ofOpenHosts ? undefined : expect.anything());
});

test('a tenant that has not changed keeps its driver and what is known of its schema, and one that has changed does not', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [Task], migrations: { migrationsList: [] } }),
  );
  const tenancy = createTenancy({ resources: [orm], cache: { ttlMs: 1 } });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme', config: { plan: { seats: 5 } } });
  const driver = () => tenancy.run('acme', (tenant) => ({ tenant, driver: orm.em.getDriver() }));
  const first = await driver();
  await tenancy.run('acme', () => orm.em.execute('select 1'));
  expect(await driver()).toEqual(first);
  expect((await driver()).driver).toBe(first.driver);
  await tenancy.tenants.update('acme', { config: { plan: { seats: 6 } } });
  const changed = await driver();
  expect(changed.driver).not.toBe(first.driver);
  expect(changed.tenant.config).toEqual({ plan: { seats: 6 } });
  const client = new pg.Client(database.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(`update central.tenant set schema_version = 'other'`);
  await expect.poll(async () => (await driver()).driver === changed.driver).toBe(false);
});
