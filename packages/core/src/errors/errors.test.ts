import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { isTenancyError, TenancyError } from './errors.ts';

test('an error carries its code, status, tenant and headers', () => {
  const error = new TenancyError('TENANT_MAINTENANCE', 'Back soon.', { tenant: 'acme' });
  expect(error).toMatchObject({ name: 'TenancyError', code: 'TENANT_MAINTENANCE', status: 503, tenant: 'acme' });
  expect(error.headers).toEqual({ 'Retry-After': '60' });
});

test('an error is recognised whichever copy of the package made it, and by its code', () => {
  const ofAnotherCopy = { code: 'TENANT_UNKNOWN', [Symbol.for('omnitenant.TenancyError')]: true };
  for (const error of [new TenancyError('TENANT_UNKNOWN', 'x'), Object.assign(new Error('x'), ofAnotherCopy)]) {
    expect(isTenancyError(error)).toBe(true);
    expect(isTenancyError(error, 'TENANT_UNKNOWN')).toBe(true);
    expect(isTenancyError(error, 'VETOED')).toBe(false);
  }
  for (const other of [new Error('x'), { code: 'TENANT_UNKNOWN' }, null, undefined, 'TENANT_UNKNOWN']) {
    expect(isTenancyError(other)).toBe(false);
  }
});

test('a response shows the message only where it is exposed', async () => {
  const hidden = new TenancyError('TENANT_UNKNOWN', 'There is no tenant "acme".', { tenant: 'acme' }).getResponse();
  expect(hidden.status).toBe(404);
  expect(await hidden.text()).toBe('{"error":{"message":"Not Found","code":"TENANT_UNKNOWN"}}');

  const shown = new TenancyError('TENANT_MAINTENANCE', 'Back soon.').getResponse();
  expect(shown.headers.get('retry-after')).toBe('60');
  expect(shown.headers.get('content-type')).toContain('application/json');
  expect(await shown.json()).toEqual({ error: { code: 'TENANT_MAINTENANCE', message: 'Back soon.' } });
});

test('an error that is serialised says no more to a caller than its response', () => {
  const error = new TenancyError('CROSS_TENANT', 'Order 7 of "acme" in "birch".', { tenant: 'acme' });
  expect(JSON.stringify(error)).toBe('{"code":"CROSS_TENANT"}');
});

test('no credential is in the message, the stack or the cause', () => {
  const cause = new Error('connect postgres://app:s3cret@db/main');
  const error = new TenancyError('STORE_UNAVAILABLE', 'postgres://app:s3cret@db/main does not answer', { cause });
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('s3cret');
  expect(error.message).toBe('postgres://***@db/main does not answer');
  expect((error.cause as Error).message).toBe('connect postgres://***@db/main');
});

test('an error without a cause has none', () => {
  expect('cause' in new TenancyError('VETOED', 'x')).toBe(false);
});
