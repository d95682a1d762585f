import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunLeases } from '../central/run-leases.ts';
import { createFleetLeases } from './fleet-leases.ts';

const tenants = ['a', 'b', 'c', 'd'].map((id) => ({ id, createdAt: new Date(0) }));
const [a, b, c, d] = tenants as [Tenant, Tenant, Tenant, Tenant];
type Tenant = (typeof tenants)[number];

/** Leases as a store has them, and what was asked of it. */
function leasesOf({ gone = [] as string[], others = [] as string[], isSilent = false } = {}) {
  const held = new Set<string>();
  const calls: string[] = [];
  const leases: RunLeases = {
    async take(_, asked) {
      calls.push(`take ${asked.map(({ id }) => id).join(' ')}`);
      const free = asked.filter(({ id }) => !others.includes(id));
      for (const { id } of free) held.add(id);
      return new Map(free.map(({ id }) => [id, gone.includes(id) ? 'gone' : 'held']));
    },
    renew: () => {
      calls.push('renew');
      return isSilent ? new Promise(() => {}) : Promise.resolve([...held]);
    },
    async release(_, ids) {
      calls.push(`release ${ids.join(' ')}`);
      for (const id of ids) held.delete(id);
    },
  };
  const ledger = { has: async () => true };
  return { calls, held, of: createFleetLeases(leases, ledger, { leaseMs: 300, waitMs: 0 }) };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the leases of a run', () => {
  test('of tenants that are expected are taken along with the next one, and given back together', async () => {
    const { calls, held, of } = leasesOf();
    of.expect([a, b, c]);
    for (const tenant of [a, b, c]) {
      expect(await of.take(tenant)).toBe(true);
      await of.confirm(tenant.id);
      of.release(tenant.id);
    }
    await of.end();
    expect(calls).toEqual(['take a b c', 'release a b c']);
    expect(held.size).toBe(0);
  });

  test('that nobody has taken soon are given back, and taken again when they are needed', async () => {
    const { calls, held, of } = leasesOf();
    of.expect([a, b]);
    expect(await of.take(a)).toBe(true);
    await vi.advanceTimersByTimeAsync(150);
    expect([...held]).toEqual(['a']);
    expect(await of.take(b)).toBe(true);
    expect([...held]).toEqual(['a', 'b']);
    await of.end();
    expect(calls.filter((call) => call !== 'renew')).toEqual(['take a b', 'release b', 'take b', 'release a b']);
  });

  test('that were given back a moment ago are not given back once more when they are taken again', async () => {
    const { held, of } = leasesOf();
    await of.take(a);
    of.release('a');
    expect(await of.take(a)).toBe(true);
    await vi.advanceTimersByTimeAsync(50);
    expect([...held]).toEqual(['a']);
    await of.confirm('a');
    await of.end();
  });

  test('are renewed a few times where the store does not answer, and not for ever', async () => {
    const { calls, of } = leasesOf({ isSilent: true });
    await of.take(a);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(calls).toEqual(['take a', 'renew', 'renew', 'renew']);
    await of.end();
  });

  test('of others, and of tenants that are gone, are not taken along', async () => {
    const { held, of } = leasesOf({ gone: ['b'], others: ['c'] });
    of.expect(tenants);
    expect(await of.take(a)).toBe(true);
    await vi.advanceTimersByTimeAsync(50);
    expect([...held]).toEqual(['a', 'd']);
    expect(await of.take(b)).toBe(false);
    await expect(of.take(c)).rejects.toMatchObject({ code: 'TENANT_BUSY', tenant: 'c' });
    expect(await of.take(d)).toBe(true);
    await of.end();
    expect(held.size).toBe(0);
  });
});
