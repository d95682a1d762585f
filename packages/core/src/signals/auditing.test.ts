import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { defineResource, type TenantResource } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

async function site(resources: readonly TenantResource[] = []) {
  const store = memoryStore();
  const tenancy = createTenancy({ store, resources, onError: () => {} });
  await tenancy.tenants.create({ id: 'acme', config: { plan: 'gold', apiKey: 'k-1' }, domains: ['acme.example'] });
  const entries = async () => (await store.audit?.page({ order: 'oldest', limit: 100 })) ?? [];
  return { store, tenancy, tenants: tenancy.tenants, entries };
}

test('a verb is recorded with who, why, and the record before and after', async () => {
  const { tenancy, tenants, entries } = await site();
  await tenancy.as({ actor: 'maria', reason: 'ticket 7' }, () => tenants.suspend('acme'));
  const [began, done] = (await entries()).slice(-2);
  expect(began).toMatchObject({
    verb: 'suspend',
    tenant: 'acme',
    actor: 'maria',
    reason: 'ticket 7',
    outcome: 'began',
  });
  expect(began?.before).toMatchObject({ status: 'active' });
  expect(done).toMatchObject({ verb: 'suspend', outcome: 'done', call: began?.call, after: { status: 'suspended' } });
});

test('no credential is recorded', async () => {
  const { entries } = await site();
  const text = JSON.stringify(await entries());
  expect(text).toContain('"plan":"gold"');
  expect(text).not.toContain('k-1');
});

test('a verb that fails is recorded, and one that is vetoed', async () => {
  const { tenancy, tenants, entries } = await site();
  await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  expect((await entries()).at(-1)).toMatchObject({ outcome: 'failed', error: { code: 'TRANSITION_REFUSED' } });
  tenancy.signals.on('suspending', () => Promise.reject(new Error('the secret of a customer')));
  await expect(tenants.suspend('acme')).rejects.toMatchObject({ code: 'VETOED' });
  expect((await entries()).at(-1)).toMatchObject({ verb: 'suspend', outcome: 'vetoed', after: { status: 'active' } });
  expect(JSON.stringify(await entries())).not.toContain('secret of a customer');
});

test('an export is recorded as done when its last byte was read, and as failed where it is cut short', async () => {
  let isBroken = false;
  const resource = defineResource({
    name: 'notes',
    open: () => undefined,
    async *export() {
      yield { name: 'first', bytes: Readable.from([Buffer.from('a note')]) };
      if (isBroken) throw new Error('the secret of a customer');
    },
  });
  const { tenants, entries } = await site([resource]);
  const outcomes = async () => (await entries()).filter(({ verb }) => verb === 'export').map(({ outcome }) => outcome);
  const whole = await tenants.export('acme');
  expect(await outcomes()).toEqual(['began']);
  await buffer(whole);
  expect(await outcomes()).toEqual(['began', 'done']);
  await (await tenants.export('acme')).cancel();
  expect((await outcomes()).slice(2)).toEqual(['began', 'failed']);
  isBroken = true;
  await expect(buffer(await tenants.export('acme'))).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
  expect((await outcomes()).slice(4)).toEqual(['began', 'failed']);
  expect(JSON.stringify(await entries())).not.toContain('secret of a customer');
});

test('an import is recorded for its tenant, also where the archive names it', async () => {
  const { tenants, entries } = await site();
  const archive = await buffer(await tenants.export('acme'));
  await tenants.remove('acme');
  await tenants.import(Readable.from([archive]));
  expect((await entries()).at(-1)).toMatchObject({ verb: 'import', tenant: 'acme', outcome: 'done' });
});

test('every verb is recorded under its name', async () => {
  const { tenants, entries } = await site();
  await tenants.update('acme', { name: 'Acme' });
  await tenants.addDomain('acme', 'b.example');
  await tenants.removeDomain('acme', 'b.example');
  await tenants.migrate('acme');
  await tenants.suspend('acme');
  await tenants.startMaintenance('acme');
  await tenants.archive('acme');
  await tenants.resume('acme');
  await tenants.reset('acme');
  await tenants.move('acme', { isolation: 'database' }).catch(() => {});
  await tenants.undoMove('acme').catch(() => {});
  await tenants.repair('acme').catch(() => {});
  await tenants.repair('acme', { clear: true }).catch(() => {});
  await tenants.remove('acme');
  await tenants.purge();
  const begun = (await entries()).filter(({ outcome }) => outcome === 'began').map(({ verb }) => verb);
  const records = ['create', 'update', 'add-domain', 'remove-domain', 'migrate', 'suspend', 'maintain', 'archive'];
  expect(begun).toEqual([...records, 'resume', 'reset', 'move', 'undo-move', 'repair', 'clear', 'remove', 'purge']);
  expect((await entries()).filter(({ outcome }) => outcome !== 'began')).toHaveLength(begun.length);
});

test('who enters a closed tenant is recorded, and nothing of what failed there', async () => {
  const { tenancy, tenants, entries } = await site();
  await tenants.suspend('acme');
  const failing = () => Promise.reject(new Error('row 7 of acme'));
  await expect(tenancy.run('acme', failing, { allowClosed: true, as: 'maria', reason: 'ticket 7' })).rejects.toThrow();
  const [began, ended] = (await entries()).slice(-2);
  expect(began).toMatchObject({ verb: 'enter', actor: 'maria', reason: 'ticket 7', before: { status: 'suspended' } });
  expect(ended).toMatchObject({ outcome: 'failed', error: { message: 'Error' } });
  const count = (await entries()).length;
  await tenants.resume('acme');
  await tenancy.run('acme', () => undefined);
  expect(await entries()).toHaveLength(count + 2);
});

test('a verb that cannot be recorded is refused, and one whose end cannot be is not undone', async () => {
  const { store, tenants } = await site();
  const audit = store.audit as NonNullable<typeof store.audit>;
  const append = audit.append;
  let refused = 'began';
  audit.append = async (entry) => (entry.outcome === refused ? Promise.reject(new Error('full')) : append(entry));
  await expect(tenants.suspend('acme')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect((await store.find('acme'))?.status).toBe('active');
  refused = 'done';
  await tenants.suspend('acme');
  expect((await store.find('acme'))?.status).toBe('suspended');
});

test('what can be no tenant’s id is not recorded', async () => {
  const { tenants, entries } = await site();
  const count = (await entries()).length;
  await expect(tenants.suspend('No Tenant')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  await expect(tenants.create({ id: '' })).rejects.toMatchObject({ code: 'TENANT_INVALID' });
  await expect(tenants.erase('x'.repeat(5_000), () => {})).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  await expect(tenants.import(ReadableStream.from([]), { as: 'No Tenant' })).rejects.toThrow();
  expect(await entries()).toHaveLength(count);
});
