import { testDns } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { openSite } from './site.ts';

test('a domain is claimed, proved and released by operators, which the audit and the health report', async () => {
  await using dns = await testDns();
  const domains = { servers: [dns.address], maxMissed: 1, recheckMs: 1 };
  await using site = await openSite({ tenancy: { domains } });
  await site.tenancy.tenants.create({ id: 'acme' });
  const host = 'shop.acme.example';
  const path = '/tenants/acme/domain-claims';
  const listed = async (query: string) => (await site.ask('GET', `/domain-claims?${query}`, { as: 'reader' })).body;
  const verify = () => site.ask('POST', `${path}/${host}/verify`, { as: 'clerk' });

  expect((await site.ask('POST', path, { as: 'reader', body: { host } })).body.code).toBe('PERMISSION_MISSING');
  expect((await site.ask('POST', '/tenants/acme/domains', { body: { host } })).body.code).toBe('DOMAIN_UNPROVED');
  expect(await listed('tenant=acme')).toEqual({ enabled: true, claims: [] });
  const { body: claim } = await site.ask('POST', path, { as: 'clerk', body: { host, reason: 'ticket 7' } });
  expect(claim).toMatchObject({ host, tenant: 'acme', state: 'pending', problem: null, verifiedAt: null });
  expect(await listed('tenant=acme')).toEqual({ enabled: true, claims: [claim] });
  expect((await verify()).body).toMatchObject({ state: 'pending', problem: 'missing' });

  dns.set(claim.record.name, [claim.record.value]);
  expect((await verify()).body).toMatchObject({ state: 'verified', problem: null });
  expect((await site.ask('GET', '/tenants/acme')).body.domains).toEqual([{ host, primary: false }]);
  const { entries } = (await site.ask('GET', '/audit?tenant=acme&limit=4')).body;
  expect(entries.map(({ verb, actor, reason }: Record<string, string>) => [verb, actor, reason])).toEqual([
    ['verify-domain', 'clerk@app.test', null],
    ['verify-domain', 'clerk@app.test', null],
    ['claim-domain', 'clerk@app.test', 'ticket 7'],
    ['claim-domain', 'clerk@app.test', 'ticket 7'],
  ]);

  const health = async () => {
    const { checks } = (await site.ask('GET', '/health')).body;
    return checks.find(({ name }: { name: string }) => name === 'domains');
  };
  expect(await health()).toMatchObject({ status: 'ok' });
  dns.set(claim.record.name, 'NXDOMAIN');
  expect((await verify()).body).toMatchObject({ state: 'failing', problem: 'missing' });
  expect((await listed('state=failing')).claims).toMatchObject([{ host, tenant: 'acme' }]);
  const { status, reason } = await health();
  expect([status, reason]).toEqual(['warning', expect.stringMatching(/without their DNS record: 1\./)]);
  expect(reason).not.toContain('acme');

  expect((await site.ask('DELETE', `${path}/${host}`, { as: 'clerk' })).body).toEqual({ released: true });
  expect((await site.ask('GET', '/tenants/acme')).body.domains).toEqual([]);
  expect((await listed('tenant=acme')).claims).toEqual([]);
});
