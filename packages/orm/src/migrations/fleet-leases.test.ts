import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunLeases } from '../central/run-leases.ts';
import { createFleetLeases } from './fleet-leases.ts';

const tenants = ['a', 'b', 'c', 'd'].map((id) => ({ id, createdAt: new Date(0) }));
const [a, b, c, d] = tenants as [Tenant, Tenant, Tenant, Tenant];
type Tenant = (typeof tenants)[number];

/** Leases as a store has them, and what was asked of it. Where `lost` says so, the answer to the next such call is lost. */
function leasesOf({ gone = [] as string[], others = [] as string[], isSilent = false } = {}) {
  const held = new Set<string>();
  const calls: string[] = [];
  const lost = new Set<'take' | 'release'>();
  function answer(call: 'take' | 'release'): void {
    if (lost.delete(call)) throw new Error('The connection was cut.');
  }
  const leases: RunLeases = {
    async take(_, asked) {
      calls.push(`take ${asked.map(({ id }) => id).join(' ')}`);
      const free = asked.filter(({ id }) => !others.includes(id) && !held.has(id));
      for (const { id } of free) held.add(id);
      answer('take');
      return new Map(free.map(({ id }) => [id, gone.includes(id) ? 'gone' : 'held']));
    },
    renew: () => {
      calls.push('renew');
      return isSilent ? new Promise(() => {}) : Promise.resolve([...held]);
    },
    async release(_, ids) {
      calls.push(`release ${ids.join(' ')}`);
      answer('release');
      for (const id of ids) held.delete(id);
    },
  };
  const ledger = { has: async () => true };
  return { calls, held, lost, of: createFleetLeases(leases, ledger, { leaseMs: 300, waitMs: 0 }) };
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

  test('are not asked for again by who needs one while it is taken along', async () => {
    const { calls, of } = leasesOf();
    of.expect([a, b]);
    expect(await Promise.all([of.take(a), of.take(b)])).toEqual([true, true]);
    await vi.advanceTimersByTimeAsync(150);
    await of.confirm('b');
    await of.end();
    expect(calls).toEqual(['take a b', 'renew', 'release a b']);
  });

  test('are given back where the answer was lost, and then taken again', async () => {
    const { held, lost, of } = leasesOf();
    of.expect([a, b]);
    lost.add('take');
    await expect(of.take(a)).rejects.toThrow('cut');
    expect(await of.take(b)).toBe(true);
    expect([...held]).toEqual(['b']);
    await of.end();
  });

  test('that could not be given back are while the run goes on, which would prolong them', async () => {
    const { held, lost, of } = leasesOf();
    for (const tenant of [a, b]) await of.take(tenant);
    of.release('a');
    lost.add('release');
    await vi.advanceTimersByTimeAsync(150);
    expect([...held]).toEqual(['b']);
    await of.end();
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
