import assert from 'node:assert/strict';
import type { TenantStore } from '../../stores/store.ts';
import type { StorePromises } from './promise.ts';

function auditOf({ audit }: TenantStore) {
  assert.ok(audit);
  return audit;
}

const page = { order: 'oldest', limit: 100 } as const;

/** What an audit promises, of a store that has one. Each is about tenants of its own, because entries are never removed. */
export const auditPromises: StorePromises = {
  async 'an entry is found as it was given, with its time'(store) {
    const audit = auditOf(store);
    const entry = {
      verb: 'update',
      tenant: 'alder',
      actor: 'maria',
      reason: 'ticket 7 — “now?”',
      call: 'c-1',
      outcome: 'failed',
      before: { name: 'A', config: { tags: ['a'], note: null } },
      after: { name: 'B' },
      error: { code: 'VETOED', message: 'No.' },
    } as const;
    const start = Date.now() - 5_000;
    await audit.append(entry);
    const [found] = await audit.page({ ...page, tenant: 'alder' });
    assert.ok(found && found.at.getTime() > start);
    const { id, at, ...rest } = found;
    assert.deepEqual(rest, entry);
    assert.match(id, /^\d+$/);
  },

  async 'an entry of the fleet and of nobody known is one, too'(store) {
    const audit = auditOf(store);
    await audit.append({ verb: 'up', call: 'birch', outcome: 'began' });
    const found = (await audit.page({ order: 'newest', limit: 100 })).find(({ call }) => call === 'birch');
    assert.deepEqual([found?.tenant, found?.actor, found?.error], [undefined, undefined, undefined]);
  },

  async 'pages have each entry once, from either end, and those of one tenant only where it is asked for'(store) {
    const audit = auditOf(store);
    // The ids pass a power of ten, where numbers and texts are not in the same order.
    for (let n = 0; n < 10; n++) await audit.append({ verb: 'v', tenant: 'other', call: 'cedar', outcome: 'done' });
    for (let n = 0; n < 5; n++) {
      await audit.append({ verb: `v${n}`, tenant: n === 2 ? 'other' : 'cedar', call: 'cedar', outcome: 'done' });
    }
    const verbs = async (order: 'newest' | 'oldest', after?: string) =>
      (await audit.page({ tenant: 'cedar', order, limit: 3, after })).map(({ id, verb }) => [verb, id] as const);
    const oldest = await verbs('oldest');
    assert.deepEqual(
      oldest.map(([verb]) => verb),
      ['v0', 'v1', 'v3'],
    );
    assert.deepEqual(
      (await verbs('oldest', oldest.at(-1)?.[1])).map(([verb]) => verb),
      ['v4'],
    );
    const newest = await verbs('newest');
    assert.deepEqual(
      newest.map(([verb]) => verb),
      ['v4', 'v3', 'v1'],
    );
    assert.deepEqual(
      (await verbs('newest', newest.at(-1)?.[1])).map(([verb]) => verb),
      ['v0'],
    );
  },

  async 'entries before a moment are left out where one is given'(store) {
    const audit = auditOf(store);
    await audit.append({ verb: 'suspend', tenant: 'doum', call: 'doum', outcome: 'done' });
    const [entry] = await audit.page({ ...page, tenant: 'doum' });
    assert.ok(entry);
    const since = async (ms: number) =>
      (await audit.page({ ...page, tenant: 'doum', since: new Date(entry.at.getTime() + ms) })).length;
    assert.deepEqual([await since(-1), await since(1_000)], [1, 0]);
  },
};
