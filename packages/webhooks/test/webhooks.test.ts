import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { memoryStore } from '@omnitenant/core';
import type { OutboxMessage } from '@omnitenant/core/extend';
import { testDatabase } from '@omnitenant/tooling';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createWebhooks } from '../src/index.ts';
import { type Answer, openReceiver, type Received } from './fixtures/receiver.ts';
import { openSite } from './fixtures/site.ts';

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
const typesOf = (received: readonly Received[], tenant: string) =>
  received.filter((each) => each.tenant === tenant).map(({ type }) => type);
const until = (fn: () => void | Promise<void>) => vi.waitFor(fn, { interval: 10 });

test('each change of a tenant is delivered in order, signed with both secrets, and holds nothing of the record', async () => {
  const secrets = [newSecret(), newSecret()] as const;
  await using receiver = await openReceiver([...secrets, newSecret()]);
  await using database = await testDatabase();
  const endpoint = { name: 'billing', url: receiver.url, secrets };
  const domains = { ...endpoint, name: 'domains', events: ['domain.added'] as const };
  await using site = await openSite(database.url, { endpoints: [endpoint, domains] });
  const { tenants } = site.tenancy;
  await tenants.create({ id: 'early' });
  await site.webhooks.start();
  const { createdAt } = await tenants.create({ id: 'acme', name: 'Acme Ltd', config: { plan: 'gold' } });
  await tenants.create({ id: 'bloom' });
  await tenants.addDomain('acme', 'shop.acme.example');
  await tenants.update('acme', { name: 'Acme GmbH' });
  await tenants.suspend('acme');
  await tenants.startMaintenance('acme');
  await tenants.archive('acme');
  await tenants.resume('acme');
  await tenants.move('acme', { placement: { schema: 'elsewhere' } });
  await tenants.removeDomain('acme', 'shop.acme.example');
  await tenants.remove('acme');
  await tenants.create({ id: 'acme' });
  await until(async () =>
    expect((await site.webhooks.status()).map(({ name, waiting, dead }) => [name, waiting, dead])).toEqual([
      ['billing', 0, 0],
      ['domains', 0, 0],
    ]),
  );

  const life = ['created', 'updated', 'suspended', 'maintained', 'archived', 'resumed', 'moved', 'removed', 'created'];
  const acme = typesOf(receiver.received, 'acme').filter((type) => type.startsWith('tenant.'));
  expect(acme).toEqual(life.map((verb) => `tenant.${verb}`));
  const [added, ...others] = receiver.received.filter(({ type }) => type === 'domain.added');
  expect(others.map(({ id }) => id)).toEqual([added?.id]);
  expect(typesOf(receiver.received, 'bloom')).toEqual(['tenant.created']);
  expect(typesOf(receiver.received, 'early')).toEqual([]);

  for (const { verifiedBy } of receiver.received) expect(verifiedBy).toEqual(secrets);
  expect(JSON.parse(added?.body ?? '')).toEqual({
    type: 'domain.added',
    timestamp: expect.stringMatching(/^20.*Z$/),
    data: {
      tenant: 'acme',
      incarnation: `acme@${createdAt.getTime()}`,
      sequence: expect.any(Number),
      host: 'shop.acme.example',
    },
  });
  expect(receiver.received.map(({ body }) => body).join()).not.toMatch(/gold|Ltd|GmbH/);
});

test('what an endpoint does not receive is sent again under the same id, holds up only its tenant, and is given up in the end', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: receiver.url, secrets: [secret] as const }];
  await using site = await openSite(database.url, { endpoints, retry: { attempts: 3, firstMs: 250 } });
  const { webhooks } = site;
  const { tenants } = site.tenancy;
  const first: Answer[] = ['nothing', { location: `${receiver.url}/elsewhere` }, 204];
  receiver.answer = ({ type }) => first.shift() ?? (type === 'tenant.suspended' ? 500 : 204);
  await tenants.create({ id: 'bloom' });
  await webhooks.start();
  await tenants.create({ id: 'acme' });
  await until(() => expect(receiver.received).toHaveLength(3));
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);

  await tenants.suspend('acme');
  await tenants.resume('acme');
  await tenants.update('bloom', { name: 'Bloom' });
  const after = ['suspended', 'suspended', 'suspended', 'resumed'];
  await until(() => expect(typesOf(receiver.received, 'acme').slice(3)).toEqual(after.map((type) => `tenant.${type}`)));
  const order = receiver.received.map(({ tenant, type }) => `${tenant} ${type}`);
  expect(order).toContain('bloom tenant.updated');
  expect(order.indexOf('bloom tenant.updated')).toBeLessThan(order.indexOf('acme tenant.resumed'));

  const dead: OutboxMessage[] = [];
  for await (const message of webhooks.dead('billing')) dead.push(message);
  expect(dead).toMatchObject([{ type: 'tenant.suspended', attempts: 3, error: 'It was answered with status 500.' }]);
  receiver.answer = () => 204;
  const resent = site.tenancy.as({ actor: 'maria' }, () =>
    webhooks.resend('billing', { event: dead[0]?.id as string }),
  );
  expect(await resent).toBe(1);
  await until(() => expect(receiver.received.at(-1)).toMatchObject({ type: 'tenant.suspended', id: dead[0]?.id }));
  await until(async () => expect(await webhooks.status()).toEqual([{ name: 'billing', waiting: 0, dead: 0 }]));
  const [entry] = (await site.orm.store.audit?.page({ order: 'newest', limit: 1 })) ?? [];
  expect(entry).toMatchObject({ verb: 'resend-webhooks', actor: 'maria', outcome: 'done' });
});

test('an endpoint that is down gets everything when it is back, and one that answers 410 when it is asked for', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: receiver.url, secrets: [secret] as const }];
  await using site = await openSite(database.url, { endpoints, retry: { attempts: 1_000, firstMs: 20, mostMs: 50 } });
  const { webhooks } = site;
  const { tenants } = site.tenancy;
  await webhooks.start();
  await receiver.stop();
  await tenants.create({ id: 'acme' });
  await tenants.suspend('acme');
  const dead = { name: 'billing', waiting: 2, dead: 0, oldestAt: expect.any(Date) };
  await until(async () => {
    expect(await webhooks.status()).toEqual([dead]);
    const [first] = (await site.orm.store.outbox?.due('billing', 1)) ?? [];
    expect(first).toMatchObject({ type: 'tenant.created', error: 'It cannot be reached: ECONNREFUSED.' });
  });
  await receiver.restart();
  await until(() => expect(typesOf(receiver.received, 'acme')).toEqual(['tenant.created', 'tenant.suspended']));

  receiver.answer = () => 410;
  await tenants.resume('acme');
  await until(async () =>
    expect(await webhooks.status()).toMatchObject([{ waiting: 1, disabledAt: expect.any(Date) }]),
  );
  await tenants.archive('acme');
  const refused = receiver.received.length;
  receiver.answer = () => 204;
  expect(await webhooks.resend('billing')).toBe(0);
  await until(() =>
    expect(typesOf(receiver.received, 'acme').slice(2)).toEqual([
      'tenant.resumed',
      'tenant.resumed',
      'tenant.archived',
    ]),
  );
  expect(refused).toBe(3);
});

test('one process delivers; where it is killed between a delivery and its record, another sends it again under the same id', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: receiver.url, secrets: [secret] as const }];
  await using site = await openSite(database.url, { endpoints });
  const child = fork(fileURLToPath(new URL('fixtures/delivering-process.ts', import.meta.url)), {
    execArgv: ['--conditions=@omnitenant/source'],
    env: { ...process.env, OMNITENANT_SITE: JSON.stringify({ url: database.url, endpoints }) },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  const { tenants } = site.tenancy;
  for (const id of ['acme', 'bloom', 'cobalt']) await tenants.create({ id });
  await until(async () => expect(await site.webhooks.status()).toMatchObject([{ waiting: 0 }]));
  // In order for each tenant, and in any order for several.
  expect(receiver.received.map(({ tenant }) => tenant).toSorted()).toEqual(['acme', 'bloom', 'cobalt']);

  // Not before the other one delivers: whoever is the first goes on.
  await site.webhooks.start();
  const gone = once(child, 'exit');
  receiver.answer = async ({ type }) => {
    if (child.signalCode === null) {
      child.kill('SIGKILL');
      await gone;
    }
    return type === 'tenant.suspended' ? 204 : 200;
  };
  await tenants.suspend('acme');
  await tenants.resume('acme');
  await until(() =>
    expect(receiver.received.slice(3).map(({ type }) => type)).toEqual([
      'tenant.suspended',
      'tenant.suspended',
      'tenant.resumed',
    ]),
  );
  expect(receiver.received[4]?.id).toBe(receiver.received[3]?.id);
});

test('a process that can no longer renew its lease lets go of its requests before another one delivers', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: receiver.url, secrets: [secret] as const }];
  const limits = { endpoints, leaseMs: 1_500, timeoutMs: 1_450 };
  await using site = await openSite(database.url, limits);
  const { tenancy, orm } = site;
  const { outbox, leases } = orm.store;
  await outbox?.subscribe([{ name: 'billing', types: ['tenant.created', 'tenant.suspended'] }]);
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.tenants.suspend('acme');
  // The second request begins late in the lease, and could go on after its end.
  let hung = false;
  receiver.answer = async ({ type }) => {
    if (type === 'tenant.created') await setTimeout(600);
    else if (!hung) {
      hung = true;
      return 'nothing';
    }
    return 204;
  };
  const unheard = { ...leases, renew: () => new Promise<boolean>(() => {}) };
  const store = { ...orm.store, leases: unheard as NonNullable<typeof leases> };
  await using cut = createWebhooks({ ...limits, tenancy, orm: { store }, pollMs: 20 });
  await cut.start();
  await until(() => expect(receiver.received).toHaveLength(1));
  await site.webhooks.start();
  await until(async () => expect(await site.webhooks.status()).toEqual([{ name: 'billing', waiting: 0, dead: 0 }]));
  const sent = ['tenant.created', 'tenant.suspended', 'tenant.suspended'];
  expect(typesOf(receiver.received, 'acme')).toEqual(sent);
  expect(receiver.mostAtOnce).toBe(1);
});

test('closing takes no longer than a lease where central does not answer', async () => {
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: 'http://127.0.0.1:9/hooks', secrets: [newSecret()] as const }];
  await using site = await openSite(database.url, { endpoints });
  const { tenancy, orm, webhooks } = site;
  await webhooks.start();
  let took: number | undefined;
  await tenancy.central(() =>
    orm.em.transactional(async (em) => {
      await em.execute('lock table central.omnitenant_outbox');
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await until(async () => expect(await em.execute(waiting)).toHaveLength(1));
      const began = performance.now();
      await webhooks.close();
      took = performance.now() - began;
    }),
  );
  expect(took).toBeLessThan(3_000);
});

test('what is configured wrongly is refused, without the secret', async () => {
  await using database = await testDatabase();
  const secret = newSecret();
  const given = { name: 'billing', url: 'https://billing.example/hooks', secrets: [secret] as const };
  await using site = await openSite(database.url, { endpoints: [given] });
  await expect(site.webhooks.forget('billing')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const wrong = [
    [{ ...given, url: 'ftp://billing.example' }],
    [{ ...given, url: 'https://me:pass@billing.example' }],
    [{ ...given, secrets: [] }],
    [{ ...given, secrets: [secret, secret, secret] }],
    [{ ...given, secrets: ['whsec_c2hvcnQ='] }],
    [{ ...given, events: ['tenant.sold'] }],
    [{ ...given, events: 'tenant.created' }],
    [{ ...given, event: ['tenant.created'] }],
    [undefined],
    given,
    [{ ...given, name: 'no name' }],
    [given, given],
  ];
  for (const endpoints of wrong) {
    const { tenancy, orm } = site;
    const attempt = () => createWebhooks({ tenancy, orm, endpoints: endpoints as never });
    expect(attempt).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(attempt).not.toThrow(/whsec_\w|pass@/);
  }
  const { tenancy } = site;
  // With these, each message would be dead at once, or central asked without a pause.
  for (const numbers of [
    { timeoutMs: Number.NaN },
    { leaseMs: 1e10 },
    { pollMs: 0 },
    { retry: { attempts: 0 } },
    { retry: { attemps: 3 } },
  ]) {
    const attempt = () => createWebhooks({ tenancy, orm: site.orm, endpoints: [given], ...numbers });
    expect(attempt).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  }
  for (const parts of [{ orm: site.orm }, { tenancy }]) {
    const attempt = () => createWebhooks({ ...parts, endpoints: [given] } as never);
    expect(attempt).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  }
  const none = () => createWebhooks({ tenancy, orm: { store: memoryStore() }, endpoints: [given] });
  expect(none).toThrow('requires an orm');
});

test('processes that have other endpoints deliver to those, at the same time', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const only = (name: string) => ({ endpoints: [{ name, url: receiver.url, secrets: [secret] as const }] });
  await using billing = await openSite(database.url, only('billing'));
  await using crm = await openSite(database.url, only('crm'));
  await billing.webhooks.start();
  await crm.webhooks.start();
  await crm.tenancy.tenants.create({ id: 'acme' });
  await until(async () =>
    expect(await crm.webhooks.status()).toEqual(['billing', 'crm'].map((name) => ({ name, waiting: 0, dead: 0 }))),
  );
  expect(receiver.received).toHaveLength(2);
});

test('without an endpoint, central is not asked for a lease', async () => {
  await using database = await testDatabase();
  await using site = await openSite(database.url, { endpoints: [] });
  const { tenancy, orm } = site;
  const leases = orm.store.leases as NonNullable<typeof orm.store.leases>;
  let asked = 0;
  const counted: typeof leases = { ...leases, take: (...of) => leases.take(...of).finally(() => asked++) };
  await using none = createWebhooks({ tenancy, orm: { store: { ...orm.store, leases: counted } }, endpoints: [] });
  await none.start();
  await setTimeout(50);
  expect(asked).toBe(0);
});

test('a lease that central has given too late is given back, and not used', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: receiver.url, secrets: [secret] as const }];
  await using site = await openSite(database.url, { endpoints });
  const { tenancy, orm } = site;
  await orm.store.outbox?.subscribe([{ name: 'billing', types: ['tenant.created'] }]);
  await tenancy.tenants.create({ id: 'acme' });
  const leases = orm.store.leases as NonNullable<typeof orm.store.leases>;
  let isLate = true;
  const sentBefore: number[] = [];
  const slow: typeof leases = {
    ...leases,
    async take(...of) {
      const taken = await leases.take(...of);
      if (isLate) await setTimeout(400);
      isLate = false;
      return taken;
    },
    async release(...of) {
      sentBefore.push(receiver.received.length);
      return leases.release(...of);
    },
  };
  const store = { ...orm.store, leases: slow };
  await using late = createWebhooks({ tenancy, orm: { store }, endpoints, leaseMs: 900, timeoutMs: 500, pollMs: 20 });
  await late.start();
  await until(() => expect(receiver.received).toHaveLength(1));
  expect(sentBefore[0]).toBe(0);
});

test('an onError that throws does not end the deliveries', async () => {
  const secret = newSecret();
  await using receiver = await openReceiver([secret]);
  await using database = await testDatabase();
  const endpoints = [{ name: 'billing', url: receiver.url, secrets: [secret] as const }];
  await using site = await openSite(database.url, { endpoints });
  const { tenancy, orm } = site;
  const outbox = orm.store.outbox as NonNullable<typeof orm.store.outbox>;
  const told: unknown[][] = [];
  let isAway = true;
  const due: typeof outbox.due = async (...of) => {
    if (isAway) throw new Error('Central is away.');
    return outbox.due(...of);
  };
  const quiet = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => quiet.mockRestore());
  const onError = (...of: unknown[]) => {
    told.push(of);
    isAway = false;
    throw new Error('The logger is gone.');
  };
  const store = { ...orm.store, outbox: { ...outbox, due } };
  await using webhooks = createWebhooks({ tenancy, orm: { store }, endpoints, pollMs: 20, onError });
  await webhooks.start();
  await tenancy.tenants.create({ id: 'acme' });
  await until(() => expect(receiver.received).toHaveLength(1));
  expect(told).toEqual([[new Error('Central is away.')]]);
});

test('an endpoint that nobody knows has no dead messages to read or to send, which is said', async () => {
  await using database = await testDatabase();
  const given = { name: 'billing', url: 'https://billing.example/hooks', secrets: [newSecret()] as const };
  await using site = await openSite(database.url, { endpoints: [given] });
  const { webhooks, orm } = site;
  await orm.store.outbox?.subscribe([{ name: 'former', types: [] }]);
  const dead = async (endpoint: string) => {
    const found: OutboxMessage[] = [];
    for await (const message of webhooks.dead(endpoint)) found.push(message);
    return found.length;
  };
  await expect(webhooks.resend('biling')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(dead('biling')).rejects.toThrow('"biling"');
  for (const known of ['billing', 'former']) {
    expect(await webhooks.resend(known)).toBe(0);
    expect(await dead(known)).toBe(0);
  }
});
