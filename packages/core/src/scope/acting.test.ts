import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy, type Tenancy } from '../tenancy.ts';
import { bindScope, outside } from './context.ts';

async function withTenants(...ids: readonly string[]): Promise<Tenancy> {
  const tenancy = createTenancy({ store: memoryStore() });
  for (const id of ids) await tenancy.tenants.create({ id });
  return tenancy;
}

test('a signal says who acts and why, and nothing where nobody has said it', async () => {
  const tenancy = await withTenants('acme');
  const told: unknown[] = [];
  tenancy.signals.on('suspending', ({ by }) => void told.push(by));
  tenancy.signals.on('suspended', ({ by }) => void told.push(by));
  tenancy.signals.on('resumed', (event) => void told.push('by' in event));
  await tenancy.as({ actor: 'maria', reason: 'ticket 7' }, () => tenancy.tenants.suspend('acme'));
  await tenancy.tenants.resume('acme');
  expect(told).toEqual([{ actor: 'maria', reason: 'ticket 7' }, { actor: 'maria', reason: 'ticket 7' }, false]);
});

test('operators at once are told apart, whichever ends first, and one that fails leaves nothing behind', async () => {
  const ids = ['acme', 'birch', 'cobalt', 'dune'];
  const tenancy = await withTenants(...ids);
  const told: string[] = [];
  tenancy.signals.on('updating', async ({ tenant, by }) => {
    await nextTurn();
    if (tenant.id === 'birch') throw new Error('not now');
    told.push(`${tenant.id} by ${by?.actor}`);
  });
  const update = (id: string) => tenancy.tenants.update(id, { name: 'New' });
  await Promise.allSettled(ids.map((id) => tenancy.as({ actor: `operator of ${id}` }, () => update(id))));
  expect(told.sort()).toEqual(['acme', 'cobalt', 'dune'].map((id) => `${id} by operator of ${id}`));
  expect(tenancy.acting()).toBeUndefined();
});

test('who acts stays the same in the scopes that are entered, and what outlives them is nobody’s', async () => {
  const tenancy = await withTenants('acme', 'birch');
  await tenancy.as({ actor: 'maria' }, async () => {
    const inBoth = tenancy.run('acme', () => tenancy.run('birch', async () => tenancy.acting()?.actor));
    expect(await inBoth).toBe('maria');
    expect(await tenancy.as({ actor: 'noor' }, () => tenancy.central(() => tenancy.acting()?.actor))).toBe('noor');
    expect(outside(() => tenancy.acting())).toBeUndefined();
    const asMaria = bindScope();
    expect(outside(() => asMaria(() => tenancy.acting()?.actor))).toBe('maria');
  });
  const asNobody = bindScope();
  expect(tenancy.as({ actor: 'maria' }, () => asNobody(() => tenancy.acting()))).toBeUndefined();
});

test('an operator who enters a tenant is told of, is refused where the record cannot be kept, and acts in it', async () => {
  const tenancy = await withTenants('acme', 'birch');
  const told: unknown[] = [];
  const off = tenancy.signals.on('entering', ({ tenant, reason, by }) => void told.push([tenant.id, reason, by]));
  const enter = (options: object) => tenancy.run('acme', () => tenancy.acting(), options);
  const maria = { actor: 'maria', reason: 'ticket 7' };
  expect(await enter({ as: 'maria', reason: 'ticket 7' })).toEqual(maria);
  expect(await tenancy.as({ actor: 'maria' }, () => enter({ reason: 'ticket 7' }))).toEqual(maria);
  expect(await enter({ reason: 'a script' })).toBeUndefined();
  expect(told).toEqual([
    ['acme', 'ticket 7', maria],
    ['acme', 'ticket 7', maria],
    ['acme', 'a script', undefined],
  ]);
  await tenancy.run('acme', () => {});
  await tenancy.tenants.suspend('acme');
  await expect(enter({ as: 'maria' })).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  expect(told).toHaveLength(3);
  off();
  tenancy.signals.on('entering', () => Promise.reject(new Error('the record cannot be kept')));
  await expect(tenancy.run('birch', () => {}, { as: 'maria' })).rejects.toMatchObject({ code: 'VETOED' });
});

test('an actor without a name is refused', async () => {
  const tenancy = await withTenants('acme');
  for (const actor of ['', '  ', 7, undefined, 'a\0', '\ud800']) {
    expect(() => tenancy.as({ actor: actor as string }, () => {})).toThrow('An actor is a name that is not empty');
  }
  const refused = { code: 'CONFIG_INVALID' };
  expect(() => tenancy.as({ actor: 'maria', reason: 7 as never }, () => {})).toThrow(expect.objectContaining(refused));
  await expect(tenancy.run('acme', () => {}, { as: '' })).rejects.toMatchObject(refused);
});
