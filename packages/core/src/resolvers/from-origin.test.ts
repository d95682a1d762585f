import { expect, test } from 'vitest';
import { fromOrigin } from './from-origin.ts';
import { fromSubdomain } from './from-subdomain.ts';

function request(origin: string | undefined) {
  return {
    host: 'api.app.com',
    path: '/',
    header: (name: string) => (name === 'origin' ? origin : undefined),
    raw: undefined,
  };
}

test('the host of the origin leads to a domain, or to what another resolver reads of it', () => {
  expect(fromOrigin()(request('https://www.acme.com:8443'))).toEqual({ domain: 'acme.com', exact: 'www.acme.com' });
  expect(fromOrigin(fromSubdomain('app.com'))(request('https://acme.app.com'))).toEqual({ id: 'acme' });
});

test.each([undefined, '', 'null', 'acme.com', 'file:///etc', 'data:text/html,x'])(
  'the origin %j leads to no tenant',
  (origin) => {
    expect(fromOrigin()(request(origin))).toBeUndefined();
  },
);
