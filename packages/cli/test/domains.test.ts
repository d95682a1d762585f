import { type TestDns, testDns } from '@omnitenant/tooling';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

const configOf = (server: string) => `
import { defineConfig as defineMikroOrm } from '@mikro-orm/postgresql';
import { defineConfig } from '@omnitenant/cli';
import { createTenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
export default defineConfig(async () => {
  const orm = await createOrm(defineMikroOrm({ clientUrl: process.env.DATABASE_URL, entities: [] }));
  const domains = { label: 'shop', servers: ['${server}'], recheckMs: 1, maxMissed: 1 };
  return { orm, tenancy: createTenancy({ resources: [orm], domains }) };
});`;

let dns: TestDns;
let app: Application;
beforeAll(async () => {
  dns = await testDns();
  app = await openApplication({ tenants: ['acme', 'bloom'], files: { 'omnitenant.config.ts': configOf(dns.address) } });
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await dns?.close();
});

const nameOf = (host: string) => `_shop-challenge.${host}`;

/** Claims a host, and returns the value to publish. */
async function claim(tenant: string, host: string): Promise<string> {
  const { out } = await app.run('domains', 'claim', tenant, host, '--json');
  return JSON.parse(out).record.value;
}

test('a claim prints the record to publish, and is proved once that is there', async () => {
  const host = 'shop.acme.com';
  const claimed = await app.run('domains', 'claim', 'acme', host);
  const [, value = ''] = /^_shop-challenge\.shop\.acme\.com {2}TXT {2}([0-9a-f]{40})\n$/.exec(claimed.out) ?? [];
  expect({ ...claimed, value: value.length }).toMatchObject({ code: 0, value: 40 });
  expect(claimed.err).toContain(`omnitenant domains verify acme ${host}`);
  const missing = await app.run('domains', 'verify', 'acme', host);
  expect(missing).toMatchObject({ code: 1, err: '' });
  expect(missing.out).toBe(`${host} is pending: the record does not exist\n  ${nameOf(host)}  TXT  ${value}\n`);
  dns.set(nameOf(host), [value]);
  expect(await app.run('domains', 'verify', 'acme', host)).toEqual({ code: 0, out: `${host} is verified\n`, err: '' });
  expect((await app.run('domains', 'list', 'acme', '--csv')).out).toContain(`${host},no`);
});

test('a domain that was not proved cannot be added', async () => {
  const refused = await app.run('domains', 'add', 'bloom', 'unproved.acme.com');
  expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('DOMAIN_UNPROVED') });
});

test('a check of all that are due proves what was claimed, and says what is failing', async () => {
  const host = 'due.acme.com';
  const value = await claim('acme', host);
  dns.set(nameOf(host), [value]);
  const proved = await app.run('domains', 'verify', '--due');
  expect(proved).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`acme: ${host} is verified`) });
  dns.set(nameOf(host), 'SERVFAIL');
  const { code, out } = await app.run('domains', 'verify', '--due');
  expect({ code, out }).toEqual({
    code: 0,
    out: expect.stringContaining(`acme: ${host} is failing: its DNS servers do`),
  });
  const failing = await app.run('domains', 'claims', 'acme', '--state', 'failing', '--host', host, '--json');
  expect(JSON.parse(failing.out)).toMatchObject([{ host, tenant: 'acme', record: { name: nameOf(host), value } }]);
  expect((await app.run('doctor')).out).toMatch(/^note +Check "domains": .+ Among the tenants: acme\.$/m);
  const shown = await app.run('show', host);
  expect(shown).toMatchObject({ code: 0, out: expect.stringMatching(/^id +acme$/m) });
  expect(await app.run('show', 'nobody.acme.com')).toMatchObject({
    code: 1,
    err: expect.stringContaining('No tenant has the domain "nobody.acme.com"'),
  });
});

test('a released domain is free for another tenant once an operator says so', async () => {
  const host = 'left.acme.com';
  const value = await claim('acme', host);
  dns.set(nameOf(host), [value]);
  expect(await app.run('domains', 'verify', 'acme', host)).toMatchObject({ code: 0 });
  expect(await app.run('domains', 'release', 'acme', host)).toMatchObject({ code: 0 });
  const cooling = await app.run('domains', 'claim', 'bloom', host);
  expect(cooling).toMatchObject({ code: 1, err: expect.stringContaining('DOMAIN_TAKEN') });
  expect(await app.run('domains', 'free', host)).toMatchObject({ code: 0, out: `freed ${host}\n` });
  expect(await claim('bloom', host)).not.toBe(value);
});

test('what is not there to be released or freed is refused, and what was done is in the audit', async () => {
  expect(await app.run('domains', 'release', 'acme', 'none.acme.com')).toMatchObject({ code: 2, out: '' });
  expect(await app.run('domains', 'free', 'none.acme.com')).toMatchObject({ code: 2, out: '' });
  await claim('bloom', 'audited.acme.com');
  const { out } = await app.run('audit', '--tenant', 'bloom', '--json');
  const [began, done] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .slice(-2);
  expect([began, done]).toMatchObject([
    { verb: 'claim-domain', outcome: 'began', actor: expect.stringContaining('(command)') },
    { verb: 'claim-domain', outcome: 'done', after: { host: 'audited.acme.com' } },
  ]);
});

test('what names neither a domain nor all that are due is refused', async () => {
  for (const args of [[], ['acme'], ['acme', 'shop.acme.com', '--due']])
    expect(await app.run('domains', 'verify', ...args)).toMatchObject({ code: 2, out: '' });
});
