import { expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { fromHeader } from './from-header.ts';

function request(headers: Record<string, string>) {
  return {
    host: 'app.com',
    path: '/',
    header: (name: string) => headers[name],
    raw: undefined,
  };
}

test('the value of the header is the id, as it stands there', () => {
  expect(fromHeader('x-tenant')(request({ 'x-tenant': 'acme' }))).toEqual({ id: 'acme' });
  expect(fromHeader('x-tenant')(request({ 'x-tenant': 'acme, birch' }))).toEqual({ id: 'acme, birch' });
});

test('a header that is not there, or empty, names nobody', () => {
  expect(fromHeader('x-tenant')(request({}))).toBeUndefined();
  expect(fromHeader('x-tenant')(request({ 'x-tenant': '' }))).toBeUndefined();
});

test.each(['', 'x tenant', 'x-tenant:', undefined])('the header name %j is refused', (name) => {
  expect(() => fromHeader(name as string)).toThrow(
    expect.toSatisfy((error) => isTenancyError(error, 'CONFIG_INVALID')),
  );
});
