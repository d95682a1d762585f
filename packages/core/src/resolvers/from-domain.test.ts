import { expect, test } from 'vitest';
import { fromDomain } from './from-domain.ts';

function request(host: string | undefined) {
  return { host, path: '/', header: () => undefined, raw: undefined };
}

test.each([
  ['acme.com', 'acme.com'],
  ['ACME.com:3000', 'acme.com'],
  ['www.acme.com', 'acme.com', 'www.acme.com'],
  ['www.acme.com.', 'acme.com', 'www.acme.com'],
  ['www.www.acme.com', 'www.acme.com', 'www.www.acme.com'],
  ['www.com', 'www.com'],
  ['wwwacme.com', 'wwwacme.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
])('the host %s leads to the domain %s', (host, domain, exact?: string) => {
  expect(fromDomain()(request(host))).toEqual({ domain, exact });
});

test.each([undefined, '', 'localhost', '127.0.0.1', '[::1]:80', 'acme.com, evil.com', 'evil@acme.com'])(
  'the host %j leads to no domain',
  (host) => {
    expect(fromDomain()(request(host))).toBeUndefined();
  },
);

test('www. can be kept', () => {
  expect(fromDomain({ stripWww: false })(request('www.acme.com'))).toEqual({ domain: 'www.acme.com' });
});
