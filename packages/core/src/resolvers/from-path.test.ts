import { expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { fromPath } from './from-path.ts';

function request(path: string) {
  return { host: 'app.com', path, header: () => undefined, raw: undefined };
}

test.each([
  ['/t/:tenant', '/t/acme', 'acme'],
  ['/t/:tenant', '/t/acme/orders/7', 'acme'],
  ['/t/:tenant', '/t/..', '..'],
  ['/t/:tenant', '/t/%61cme', '%61cme'],
  ['/:tenant', '/acme', 'acme'],
  ['/api/:tenant/v1', '/api/acme/v1/orders', 'acme'],
])('in %s the path %s leads to %s', (pattern, path, id) => {
  expect(fromPath(pattern)(request(path))).toEqual({ id });
});

test.each([
  ['/t/:tenant', '/'],
  ['/t/:tenant', ''],
  ['/t/:tenant', '/t'],
  ['/t/:tenant', '/t/'],
  ['/t/:tenant', '/t//acme'],
  ['/t/:tenant', '//t/acme'],
  ['/t/:tenant', '/T/acme'],
  ['/t/:tenant', '/x/t/acme'],
  ['/api/:tenant/v1', '/api/acme/v2'],
  ['/api/:tenant/v1', '/api/acme'],
])('in %s the path %j leads to no tenant', (pattern, path) => {
  expect(fromPath(pattern)(request(path))).toBeUndefined();
});

test('the pattern is /t/:tenant unless another is given', () => {
  expect(fromPath()(request('/t/acme'))).toEqual({ id: 'acme' });
});

test.each(['', '/', '/t', 't/:tenant', '/t/x:tenant', '/:tenant/:tenant', '/:tenant/:id', '/t/:tenant/'])(
  'the pattern %j is refused',
  (pattern) => {
    expect(() => fromPath(pattern)).toThrow(expect.toSatisfy((error) => isTenancyError(error, 'CONFIG_INVALID')));
  },
);
