import { expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { fromSubdomain } from './from-subdomain.ts';

function request(host: string | undefined) {
  return { host, path: '/', header: () => undefined, raw: undefined };
}

test.each([
  ['acme.app.com', 'acme'],
  ['ACME.App.com:3000', 'acme'],
  ['acme.app.com.', 'acme'],
  ['xn--bcher-kva.app.com', 'xn--bcher-kva'],
])('the host %s leads to %s', (host, id) => {
  expect(fromSubdomain('app.com')(request(host))).toEqual({ id });
});

test.each([
  undefined,
  '',
  'app.com',
  'www.app.com',
  'app.com.evil.com',
  'evil.com.app.com',
  'acme.www.app.com',
  'evilapp.com',
  'acme-app.com',
  '.app.com',
  'acme..app.com',
  'acme.app.com.evil',
  'acme@app.com',
  'acme.app.com, birch.app.com',
  'acme\0.app.com',
  'com',
  '127.0.0.1',
  '[::1]',
])('the host %j leads to no tenant', (host) => {
  expect(fromSubdomain('app.com')(request(host))).toBeUndefined();
});

test('there may be several bases, a public suffix or a single label among them', () => {
  const resolve = fromSubdomain(['app.co.uk', 'localhost', 'Bücher.example']);
  expect(resolve(request('acme.app.co.uk'))).toEqual({ id: 'acme' });
  expect(resolve(request('acme.localhost:3000'))).toEqual({ id: 'acme' });
  expect(resolve(request('acme.xn--bcher-kva.example'))).toEqual({ id: 'acme' });
  expect(resolve(request('app.co.uk'))).toBeUndefined();
});

test.each(['', 'app.com:3000', 'https://app.com', '.app.com', '*.app.com', '127.0.0.1', '[::1]', [], undefined])(
  'the base %j is refused',
  (base) => {
    expect(() => fromSubdomain(base as string)).toThrow(
      expect.toSatisfy((error) => isTenancyError(error, 'CONFIG_INVALID')),
    );
  },
);
