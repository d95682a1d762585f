import { expect, test } from 'vitest';
import { TenancyError } from '../errors/errors.ts';
import { defineResource, type MoveContext } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

async function site(move: (id: string, context: MoveContext) => Promise<void> = async () => {}) {
  const seen: string[] = [];
  const resource = defineResource({
    name: 'rows',
    open: () => ({}),
    move: async ({ id }, target, context) => {
      seen.push(`move to ${target?.isolation}`);
      await move(id, context);
    },
    undoMove: async () => void seen.push('undo'),
    changed: (id) => void seen.push(`changed ${id}`),
  });
  const tenancy = createTenancy({ store: memoryStore(), resources: [resource] });
  for (const name of ['moving', 'moved', 'failed'] as const) tenancy.signals.on(name, () => void seen.push(name));
  await tenancy.tenants.create({ id: 'acme' });
  seen.length = 0;
  return { tenancy, tenants: tenancy.tenants, seen };
}

test('a move is told before and after, and what was cached of the tenant is dropped', async () => {
  const steps: string[] = [];
  const { tenants, seen } = await site(async (_, { onProgress }) => onProgress?.({ step: 'copy' }));
  await tenants.move('acme', { isolation: 'database' }, { onProgress: ({ step }) => void steps.push(step) });
  expect(seen).toEqual(['moving', 'move to database', 'changed acme', 'moved']);
  expect(steps).toEqual(['copy']);
});

test('one that fails is told, and one that was refused is not', async () => {
  const failing = await site(() => Promise.reject(new Error('disk full')));
  await expect(failing.tenants.move('acme', { isolation: 'database' })).rejects.toMatchObject({
    code: 'MOVE_FAILED',
    cause: { message: 'disk full' },
  });
  expect(failing.seen).toEqual(['moving', 'move to database', 'changed acme', 'failed']);
  const refusing = await site(() => Promise.reject(new TenancyError('TRANSITION_REFUSED', 'It is there already.')));
  await expect(refusing.tenants.move('acme', { isolation: 'x' })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  expect(refusing.seen).not.toContain('failed');
});

test('a tenant is moved by one verb at a time, and undone under the same lease', async () => {
  const release = Promise.withResolvers<void>();
  const { tenants, seen } = await site(() => release.promise);
  const moving = tenants.move('acme', { isolation: 'database' });
  await expect.poll(() => seen).toContain('move to database');
  const undone = tenants.undoMove('acme');
  await expect(Promise.race([undone, Promise.resolve('waits')])).resolves.toBe('waits');
  expect(seen).not.toContain('undo');
  release.resolve();
  await Promise.all([moving, undone]);
  expect(seen).toContain('undo');
});

test('without a resource that moves tenants, or a tenant that is whole, it is refused', async () => {
  const { tenants } = createTenancy({ store: memoryStore() });
  await tenants.create({ id: 'acme' });
  await expect(tenants.move('acme', {})).rejects.toMatchObject({ code: 'ISOLATION_UNKNOWN' });
  await expect(tenants.move('nobody', {})).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
});
