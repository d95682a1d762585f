import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type DomainOptions, isTenancyError, type Tenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase, type TestDns, testDatabase, testDns } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { DomainProcessOptions } from './fixtures/domain-process.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

let dns: TestDns;
let database: TestDatabase;
let tenancy: Tenancy;
beforeAll(async () => {
  [dns, database] = await Promise.all([testDns(), testDatabase()]);
  tenancy = await open();
  await tenancy.migrateCentral();
  for (const id of ['acme', 'birch', 'cedar']) await tenancy.tenants.create({ id });
});
afterAll(async () => {
  await tenancy?.close();
  await Promise.all([dns?.close(), database?.drop()]);
});

/** One process of an application. */
async function open(domains: DomainOptions = {}, url: string = database.url): Promise<Tenancy> {
  const orm = await createOrm(defineConfig({ clientUrl: url, entities: [] }));
  return createTenancy({ resources: [orm], domains: { servers: [dns.address], ...domains } });
}

async function publishClaim(id: string, host: string): Promise<void> {
  const { record } = await tenancy.domains.claim(id, host);
  dns.set(record.name, [record.value]);
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error) => (isTenancyError(error) ? error.code : error),
  );
}

test('a host that is proved in one process leads to its tenant in all, and leaves it in all', async () => {
  await using other = await open();
  const host = 'everywhere.example.com';
  await publishClaim('acme', host);
  expect(await other.tenants.findByDomain(host)).toBeUndefined();
  await tenancy.domains.verify('acme', host);
  await vi.waitFor(async () => expect((await other.tenants.findByDomain(host))?.id).toBe('acme'));
  await other.domains.release('acme', host);
  await vi.waitFor(async () => expect(await tenancy.tenants.findByDomain(host)).toBeUndefined());
});

test('of processes that prove one claim at once, all say so, and the domain is added once', async () => {
  const others = await Promise.all(Array.from({ length: 3 }, () => open()));
  const added = vi.fn();
  for (const each of others) each.signals.on('domainAdded', added);
  const host = 'at-once.example.com';
  await publishClaim('acme', host);
  const claims = await Promise.all(others.map((each) => each.domains.verify('acme', host)));
  expect(claims.map(({ state }) => state)).toEqual(['verified', 'verified', 'verified']);
  expect(added).toHaveBeenCalledOnce();
  await Promise.all(others.map((each) => each.close()));
});

test('a host that leaves one tenant while another proves it is not the other’s', async () => {
  const hosts = Array.from({ length: 12 }, (_, n) => `leaving-${n}.example.com`);
  for (const host of hosts) {
    const theirs = await tenancy.domains.claim('birch', host);
    const ours = await tenancy.domains.claim('acme', host);
    dns.set(ours.record.name, [ours.record.value, theirs.record.value]);
    await tenancy.domains.verify('acme', host);
  }
  await using other = await open();
  const codes = await Promise.all(
    hosts.flatMap((host) => [tenancy.domains.release('acme', host), other.domains.verify('birch', host)].map(codeOf)),
  );
  expect(codes).toEqual(hosts.flatMap(() => ['done', 'DOMAIN_TAKEN']));
  for (const host of hosts) expect(await tenancy.tenants.findByDomain(host)).toBeUndefined();
});

test('a tenant that is removed while its claim is proved leaves no domain, and nothing to its successor', async () => {
  await using other = await open();
  for (let n = 0; n < 4; n += 1) {
    const host = `removed-${n}.example.com`;
    await tenancy.tenants.create({ id: 'brief' });
    await publishClaim('brief', host);
    await Promise.all([codeOf(other.domains.verify('brief', host)), tenancy.tenants.remove('brief')]);
    await tenancy.tenants.create({ id: 'brief' });
    expect(await codeOf(tenancy.domains.verify('brief', host))).toBe('DOMAIN_UNPROVED');
    expect(await tenancy.tenants.domains('brief')).toEqual([]);
    await tenancy.tenants.remove('brief');
  }
});

test('a proof whose process is killed on the way is whole or is not there, and is finished by another', async () => {
  await using own = await plainDatabase();
  await using after = await open({}, own.url);
  await after.migrateCentral();
  for (const id of ['acme', 'birch']) await after.tenants.create({ id });
  const client = new pg.Client(own.url);
  await client.connect();
  const outcomes = new Set<string>();
  let isKilled = true;
  for (let at = 1; isKilled; at += all ? 1 : 4) {
    const host = `killed-${at}.example.com`;
    const claim = await after.domains.claim('acme', host);
    dns.set(claim.record.name, [claim.record.value]);
    isKilled = await proveInProcess({ url: own.url, dns: dns.address, host, at });
    const { rows } = await client.query(
      `select state, (select tenant_id from central.domain where host = claim.host) as owner
       from central.omnitenant_domain_claim as claim where host = $1`,
      [host],
    );
    outcomes.add(`${rows[0].state} ${rows[0].owner}`);
    expect(await after.domains.verify('acme', host)).toMatchObject({ state: 'verified' });
    expect((await after.tenants.findByDomain(host))?.id).toBe('acme');
    expect(await codeOf(after.domains.claim('birch', host))).toBe('DOMAIN_TAKEN');
  }
  await client.end();
  expect([...outcomes].toSorted()).toEqual(['pending null', 'verified acme']);
});

/** Each kill takes a process, so usually it is every fourth statement. OMNITENANT_KILLS=all: each. */
const all = process.env.OMNITENANT_KILLS === 'all';

/** Proves a claim in a process of its own, and returns whether that was killed on the way. */
async function proveInProcess(options: DomainProcessOptions): Promise<boolean> {
  const child = fork(fileURLToPath(new URL('fixtures/domain-process.ts', import.meta.url)), {
    execArgv: ['--conditions=@omnitenant/source'],
    env: { ...process.env, OMNITENANT_DOMAIN: JSON.stringify(options) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(stderr);
  return signal === 'SIGKILL';
}

test('a central of an earlier version gets the tables of claims', async () => {
  await using own = await plainDatabase();
  await using before = await open({}, own.url);
  await before.migrateCentral();
  await before.tenants.create({ id: 'acme' });
  const client = new pg.Client(own.url);
  await client.connect();
  await client.query('drop table central.omnitenant_domain_claim, central.omnitenant_former_domain');
  await client.end();
  await using after = await open({}, own.url);
  expect(await after.domains.claim('acme', 'earlier.example.com')).toMatchObject({ state: 'pending' });
});
