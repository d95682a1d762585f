import { expect, expectTypeOf, test, vi } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import type { Tenant, TenantDraft } from '../models/tenant.ts';
import { currentScope } from '../scope/context.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';
import { createSignals } from './signals.ts';

const tenant = { id: 'acme' } as Tenant;

test('handlers are told one after another, each awaited, until they are taken away', async () => {
  const signals = createSignals<Tenant>(vi.fn());
  const told: string[] = [];
  const off = signals.on('created', async () => {
    await Promise.resolve();
    told.push('first');
  });
  signals.on('created', ({ tenant: { id } }) => void told.push(`second ${id}`));
  await signals.emit('created', { tenant });
  expect(told).toEqual(['first', 'second acme']);
  off();
  off();
  await signals.emit('created', { tenant });
  expect(told).toEqual(['first', 'second acme', 'second acme']);
});

test('one handler added twice is told twice, and taken away once each', async () => {
  const signals = createSignals<Tenant>(vi.fn());
  const handler = vi.fn();
  const off = signals.on('created', handler);
  signals.on('created', handler);
  off();
  await signals.emit('created', { tenant });
  expect(handler).toHaveBeenCalledTimes(1);
});

test('the first -ing handler that throws vetoes, its error is the cause, and the rest are not asked', async () => {
  const signals = createSignals<Tenant>(vi.fn());
  const refusal = new Error('unpaid');
  const later = vi.fn();
  signals.on('removing', () => Promise.reject(refusal));
  signals.on('removing', later);
  const asked = signals.emitBefore('removing', { tenant });
  await expect(asked).rejects.toMatchObject({ code: 'VETOED', tenant: 'acme', cause: refusal });
  expect(later).not.toHaveBeenCalled();
});

test('a veto does not show its reason to a caller', async () => {
  const signals = createSignals<Tenant>(vi.fn());
  signals.on('removing', () => Promise.reject(new Error('row 7 of invoices')));
  const error = await signals.emitBefore('removing', { tenant }).catch((thrown) => thrown);
  expect(isTenancyError(error, 'VETOED') && JSON.stringify(error)).not.toContain('invoices');
});

test('an -ed handler that throws is reported, and the next is told', async () => {
  const onError = vi.fn();
  const signals = createSignals<Tenant>(onError);
  const error = new Error('mail is down');
  const next = vi.fn();
  signals.on('created', () => Promise.reject(error));
  signals.on('created', next);
  await signals.emit('created', { tenant });
  expect(onError).toHaveBeenCalledExactlyOnceWith(error, { signal: 'created', tenant: 'acme' });
  expect(next).toHaveBeenCalledOnce();
});

test('lifecycle handlers run outside all scopes; scope handlers run in theirs', async () => {
  const tenancy = createTenancy({ store: memoryStore() });
  const seen: unknown[] = [];
  tenancy.signals.on('created', () => void seen.push(currentScope()));
  tenancy.signals.on('activated', ({ scope }) => void seen.push(currentScope() === scope && scope.kind));
  tenancy.signals.on('deactivated', ({ scope }) => void seen.push(currentScope() === scope && scope.ended));
  await tenancy.central(() => tenancy.tenants.create({ id: 'acme' }));
  expect(seen).toEqual(['central', undefined, true]);
});

test('a scope handler that throws or rejects is reported, and does not keep anyone out', async () => {
  const onError = vi.fn();
  const tenancy = createTenancy({ store: memoryStore(), onError });
  await tenancy.tenants.create({ id: 'acme' });
  tenancy.signals.on('activated', () => {
    throw new Error('thrown');
  });
  tenancy.signals.on('deactivated', async () => {
    throw new Error('rejected');
  });
  expect(await tenancy.run('acme', () => 'in')).toBe('in');
  expect(onError.mock.calls.map(([error, context]) => [error.message, context])).toEqual([
    ['thrown', { signal: 'activated', tenant: 'acme' }],
    ['rejected', { signal: 'deactivated', tenant: 'acme' }],
  ]);
});

test('an event has the type of its signal', () => {
  type Acme = Tenant & { readonly plan: string };
  const tenancy = createTenancy({ store: memoryStore<Acme>() });
  tenancy.signals.on('created', ({ tenant: created }) => void expectTypeOf(created).toEqualTypeOf<Acme>());
  tenancy.signals.on('creating', ({ tenant: draft }) => void expectTypeOf(draft).toEqualTypeOf<TenantDraft<Acme>>());
  tenancy.signals.on('activated', ({ scope }) => {
    if (scope.kind === 'tenant') expectTypeOf(scope.tenant).toEqualTypeOf<Acme>();
  });
});
