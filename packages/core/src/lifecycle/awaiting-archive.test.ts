import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { defineResource, type Placement } from '../extend.ts';
import { createTenancy, memoryStore } from '../index.ts';

test('a tenant whose import did not end is never opened without its data: it is cleared, and imported again', async () => {
  // As a process that dies leaves it: without leases, nothing says that another one is still at work.
  const { leases, ...store } = memoryStore();
  void leases;
  const seen: Placement[] = [];
  const notes = new Map<string, string>();
  const reached = Promise.withResolvers<void>();
  let dies = false;
  let sealed: string | undefined;
  const resource = defineResource({
    name: 'notes',
    open: () => undefined,
    place: () => ({ isolation: 'schema', placement: { server: 'default' } }),
    create: async ({ id }) => void notes.set(id, ''),
    destroy: async ({ id }) => void notes.delete(id),
    async *export({ id }) {
      yield { name: 'notes', bytes: Readable.from([Buffer.from(notes.get(id) ?? '')]) };
    },
    async import({ id, placement }, parts) {
      seen.push(placement);
      if (dies) {
        reached.resolve();
        await new Promise(() => {});
      }
      // As a rotation of credentials does.
      if (sealed) await store.update(id, { placement: { ...placement, url: sealed } });
      for await (const { bytes } of parts) notes.set(id, (await buffer(bytes)).toString());
    },
  });
  const { tenants } = createTenancy({ store, resources: [resource] });
  await tenants.create({ id: 'acme' });
  notes.set('acme', 'first');
  const archive = await buffer(await tenants.export('acme'));
  const restore = (by = tenants) => by.import(Readable.from([archive]), { as: 'restored' });

  dies = true;
  void restore();
  await reached.promise;
  dies = false;
  const elsewhere = createTenancy({ store: { ...store }, resources: [resource] });
  await expect(elsewhere.tenants.repair('restored')).rejects.toMatchObject({
    code: 'TRANSITION_REFUSED',
    tenant: 'restored',
    message: expect.stringContaining('begin it again'),
  });
  expect((await store.find('restored'))?.status).toBe('provisioning');
  await elsewhere.tenants.repair('restored', { clear: true });
  const { status, placement } = await restore(elsewhere.tenants);
  expect({ status, placement }).toEqual({ status: 'active', placement: { server: 'default' } });
  expect(notes.get('restored')).toBe('first');
  sealed = 'sealed anew';
  const { placement: rotated } = await elsewhere.tenants.import(Readable.from([archive]), { as: 'rotated' });
  expect(rotated).toEqual({ server: 'default', url: 'sealed anew' });
  expect(seen).toEqual(Array(3).fill({ server: 'default', awaits: 'archive' }));
});
