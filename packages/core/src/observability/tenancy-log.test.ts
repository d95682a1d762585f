import { channel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy, type Tenancy } from '../tenancy.ts';
import type { TenancyOptions } from '../tenancy-options.ts';
import { quietMs } from './tenancy-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorded() {
  const lines: unknown[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push([level, message, fields]);
  return { lines, log: { info: write('info'), warn: write('warn'), error: write('error') } };
}

function open(options: Partial<TenancyOptions>): Tenancy {
  const tenancy = createTenancy({ store: memoryStore(), ...options });
  onTestFinished(() => tenancy.close());
  return tenancy;
}

const refused = channel('omnitenant:orm:refused');
const refusal = { code: 'SHARE_EXHAUSTED', server: 'default', database: 'app', message: 'It uses its share.' };

test('a tenant that fails is logged with its reason, and without a credential', async () => {
  const { lines, log } = recorded();
  const broken = {
    name: 'broken',
    open: () => undefined,
    create: () => Promise.reject(new Error('postgres://app:confidential@db is gone, password=confidential')),
  };
  const { defineResource } = await import('../resource.ts');
  const tenancy = open({ log, resources: [defineResource(broken)] });
  await expect(tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  expect(lines).toEqual([
    [
      'error',
      'A tenant has failed.',
      { tenant: 'acme', code: 'PROVISION_FAILED', reason: expect.stringContaining('"broken.create" failed') },
    ],
  ]);
  refused.publish({ ...refusal, message: 'postgres://app:confidential@db refuses it.' });
  expect(lines).toHaveLength(2);
  expect(JSON.stringify(lines)).not.toContain('confidential');
});

test('each kind of each tenant is written once in a while, then with how many were left out', () => {
  const { lines, log } = recorded();
  open({ log });
  for (let n = 0; n < 5; n += 1) refused.publish({ ...refusal, tenant: 'acme' });
  refused.publish({ ...refusal, tenant: 'beta' });
  const line = (tenant: string, more: object = {}) => [
    'warn',
    'A request got no connection, or lost it.',
    { tenant, code: 'SHARE_EXHAUSTED', server: 'default', database: 'app', reason: 'It uses its share.', ...more },
  ];
  expect(lines).toEqual([line('acme'), line('beta')]);
  vi.advanceTimersByTime(quietMs);
  expect(lines.splice(2)).toEqual([line('acme', { omitted: 4 })]);
  refused.publish({ ...refusal, tenant: 'acme' });
  vi.advanceTimersByTime(quietMs);
  expect(lines.splice(2)).toEqual([line('acme', { omitted: 1 })]);
  vi.advanceTimersByTime(quietMs);
  refused.publish({ ...refusal, tenant: 'acme' });
  expect(lines.splice(2)).toEqual([line('acme')]);
  expect(vi.getTimerCount()).toBe(1);
});

test('a tenancy that is closed has written what was left out, and logs no more', async () => {
  const { lines, log } = recorded();
  const tenancy = open({ log });
  for (let n = 0; n < 3; n += 1) refused.publish({ ...refusal, tenant: 'acme' });
  await tenancy.close();
  refused.publish({ ...refusal, tenant: 'beta' });
  expect(lines).toHaveLength(2);
  expect(lines[1]).toEqual(['warn', expect.any(String), expect.objectContaining({ tenant: 'acme', omitted: 2 })]);
  expect(vi.getTimerCount()).toBe(0);
});

test('two tenancies with one log write each line once, until both are closed', async () => {
  const { lines, log } = recorded();
  const first = open({ log });
  open({ log });
  refused.publish({ ...refusal, tenant: 'acme' });
  expect(lines).toHaveLength(1);
  await first.close();
  refused.publish({ ...refusal, tenant: 'beta' });
  expect(lines).toHaveLength(2);
});

test('a log that throws disturbs nobody', () => {
  const errors: unknown[] = [];
  const failure = new Error('The disk is full.');
  const fail = () => {
    throw failure;
  };
  open({ log: { info: fail, warn: fail, error: fail }, onError: (error) => errors.push(error) });
  refused.publish({ ...refusal, tenant: 'acme' });
  expect(errors).toEqual([failure]);
});

test('the console is a log; what is none is refused', () => {
  open({ log: console });
  expect(() => open({ log: { info() {} } as never })).toThrow('info(), warn() and error()');
});
