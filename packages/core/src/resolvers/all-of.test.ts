import { expect, test } from 'vitest';
import { allOf } from './all-of.ts';
import { fromDomain } from './from-domain.ts';
import { fromHeader } from './from-header.ts';
import { fromOrigin } from './from-origin.ts';
import { fromSubdomain } from './from-subdomain.ts';

const resolve = allOf(fromSubdomain('app.com'), fromHeader('x-tenant'));
function request(host: string, tenant?: string) {
  return { host, path: '/', header: () => tenant, raw: undefined };
}

test('those that find a tenant find the same, and one that finds none does not matter', () => {
  expect(resolve(request('acme.app.com', 'acme'))).toEqual({ id: 'acme' });
  expect(resolve(request('acme.app.com'))).toEqual({ id: 'acme' });
  expect(resolve(request('app.com', 'acme'))).toEqual({ id: 'acme' });
  expect(resolve(request('app.com'))).toBeUndefined();
});

test('an id and a domain are both the tenant’s, in whichever order', () => {
  const both = { id: 'acme', domain: 'acme.com', exact: undefined };
  const byHeader = fromHeader('x-tenant');
  expect(allOf(fromDomain(), byHeader)(request('acme.com', 'acme'))).toEqual(both);
  expect(allOf(byHeader, fromDomain(), byHeader, fromDomain())(request('acme.com', 'acme'))).toEqual(both);
  const other = () => ({ domain: 'birch.com' });
  const refusal = expect.objectContaining({ code: 'TENANT_UNRESOLVED' });
  expect(() => allOf(fromDomain(), byHeader, other)(request('acme.com', 'acme'))).toThrow(refusal);
  expect(() => allOf(byHeader, fromDomain(), () => ({ id: 'birch' }))(request('acme.com', 'acme'))).toThrow(refusal);
});

test('a request that names two tenants is for none of them', () => {
  const refusal = expect.objectContaining({ code: 'TENANT_UNRESOLVED', status: 400 });
  expect(() => resolve(request('acme.app.com', 'birch'))).toThrow(refusal);
  // "www.acme.com" may be a tenant's own domain, and "acme.com" another's.
  const ofPage = allOf(fromOrigin(), fromDomain());
  const asked = { ...request('acme.com'), header: () => 'https://www.acme.com' };
  expect(() => ofPage(asked)).toThrow(refusal);
  expect(ofPage({ ...asked, host: 'www.acme.com' })).toEqual({ domain: 'acme.com', exact: 'www.acme.com' });
});
