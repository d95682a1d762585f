import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { resource as verbs } from '../../extend.ts';
import { isTenancyError, type Tenant } from '../../index.ts';
import { type ResourcePromises, refused, tenants } from './promise.ts';

/** What a resource promises over the life of its tenants. */
export const lifePromises: ResourcePromises = {
  async 'a new tenant has nothing, whatever others have'({ tenancy, write, has }) {
    for (const id of tenants) await tenancy.run(id, () => write('report', `of ${id}`));
    await tenancy.tenants.create({ id: 'newcomer' });
    assert.equal(await has('newcomer', 'report'), undefined);
  },

  async 'a tenant keeps what it has when it is migrated, changed, suspended and resumed'({ tenancy, write, has }) {
    await tenancy.run('acme', () => write('report', 'of acme'));
    await tenancy.tenants.migrate('acme');
    await tenancy.tenants.migrate('acme');
    await tenancy.tenants.update('acme', { name: 'Acme Ltd', config: { plan: 'gold' } });
    await tenancy.tenants.suspend('acme');
    await tenancy.tenants.resume('acme');
    assert.equal(await has('acme', 'report'), 'of acme');
  },

  async 'a tenant that is removed takes its data along, and no other tenant notices'({ tenancy, ...site }) {
    const { write, has, stored } = site;
    await tenancy.run('beta', () => write('report', 'of beta'));
    const before = await stored();
    await tenancy.tenants.create({ id: 'short-lived' });
    await tenancy.run('short-lived', async () => {
      for (const name of ['report', 'other']) await write(name, 'of one that goes');
    });
    await tenancy.tenants.remove('short-lived');
    assert.deepEqual(await stored(), before);
    assert.equal(await has('beta', 'report'), 'of beta');
  },

  async 'a tenant whose id begins with that of a removed one keeps its data'({ tenancy, write, has }) {
    for (const id of ['acme-two', 'acm']) {
      await tenancy.tenants.create({ id });
      await tenancy.run(id, () => write('report', `of ${id}`));
    }
    await tenancy.tenants.remove('acme');
    for (const id of ['acme-two', 'acm']) assert.equal(await has(id, 'report'), `of ${id}`);
  },

  async 'a tenant made anew under the id of a removed one has nothing of it'({ tenancy, write, has }) {
    await tenancy.run('acme', () => write('report', 'of the old one'));
    await tenancy.tenants.remove('acme');
    await tenancy.tenants.create({ id: 'acme' });
    assert.equal(await has('acme', 'report'), undefined);
    await tenancy.run('acme', () => write('report', 'of the new one'));
    assert.equal(await has('acme', 'report'), 'of the new one');
  },

  async 'a scope that outlives its tenant does not reach the one made anew under its id'({ tenancy, ...site }) {
    const { write, read, has } = site;
    await tenancy.run('acme', async (old: Tenant) => {
      await write('before', 'of the old one');
      await tenancy.outside(() => tenancy.tenants.remove('acme'));
      await laterThan(old.createdAt);
      await tenancy.outside(() => tenancy.tenants.create({ id: 'acme' }));
      await tenancy.run('acme', () => write('secret', 'of the new one'));
      await write('after', 'of the old one').catch(refused);
      assert.equal(await read('secret').catch(refused), undefined);
    });
    for (const name of ['before', 'after']) assert.equal(await has('acme', name), undefined);
    assert.equal(await has('acme', 'secret'), 'of the new one');
  },

  async 'a tenant that is exported is imported beside itself, with its data and nobody else’s'(site) {
    const { tenancy, resource, write, has } = site;
    // What a resource does not archive is made anew.
    if (resource[verbs].export === undefined) return;
    await tenancy.run('acme', () => write('report', 'of acme'));
    await tenancy.run('beta', () => write('secret', 'of beta'));
    const archive = await tenancy.tenants.export('acme');
    await tenancy.tenants.import(archive, { as: 'acme-copy' });
    assert.equal(await has('acme-copy', 'report'), 'of acme');
    assert.equal(await has('acme-copy', 'secret'), undefined);
    await tenancy.run('acme-copy', () => write('later', 'of the copy'));
    assert.equal(await has('acme', 'later'), undefined);
    await tenancy.tenants.remove('acme-copy');
    assert.equal(await has('acme', 'report'), 'of acme');
  },

  async 'a tenant that is restored in place has what is in its archive, and others keep what they have'(site) {
    const { tenancy, resource, write, has } = site;
    const { export: archives, restored } = resource[verbs];
    await tenancy.run('acme', () => write('report', 'of acme'));
    await tenancy.run('beta', () => write('secret', 'of beta'));
    const archive = await buffer(await tenancy.tenants.export('acme'));
    await tenancy.run('acme', () => write('later', 'of acme'));
    await tenancy.tenants.restore('acme', () => Readable.from([archive]), buffer);
    assert.equal(await has('beta', 'secret'), 'of beta');
    // What is neither in archives nor derived from what is there, such as a job, stays.
    if (archives === undefined && restored === undefined) return;
    assert.equal(await has('acme', 'report'), archives && 'of acme');
    for (const name of ['later', 'secret']) assert.equal(await has('acme', name), undefined);
    await tenancy.run('acme', () => write('since', 'of acme'));
    assert.equal(await has('acme', 'since'), 'of acme');
  },

  async 'a creation that fails leaves nothing, and can be tried again'({ tenancy, write, has, stored, ...site }) {
    const before = await stored();
    site.failNextCreate((handle) => write('half-made', 'of one that never was', handle));
    await assert.rejects(tenancy.tenants.create({ id: 'unlucky' }), (error) =>
      isTenancyError(error, 'PROVISION_FAILED'),
    );
    assert.deepEqual(await stored(), before);
    await tenancy.tenants.create({ id: 'unlucky' });
    assert.equal(await has('unlucky', 'half-made'), undefined);
  },

  async 'storage that is gone already can be destroyed again'({ tenancy, resource, write, stored }) {
    const before = await stored();
    const tenant = await tenancy.tenants.create({ id: 'short-lived' });
    await tenancy.run('short-lived', () => write('report', 'of one that goes'));
    await tenancy.tenants.remove('short-lived');
    await resource[verbs].destroy?.(tenant);
    assert.deepEqual(await stored(), before);
  },

  async 'storage that is destroyed again does not take along that of the tenant made anew under the id'(site) {
    const { tenancy, resource, write, has } = site;
    const old = await tenancy.tenants.create({ id: 'reborn' });
    await tenancy.tenants.remove('reborn');
    await laterThan(old.createdAt);
    await tenancy.tenants.create({ id: 'reborn' });
    await tenancy.run('reborn', () => write('report', 'of the new one'));
    await resource[verbs].destroy?.(old);
    assert.equal(await has('reborn', 'report'), 'of the new one');
  },

  async 'tenants come and go beside those at work'({ tenancy, write, read, has }) {
    const passing = [...'abcdefgh'].map((letter) => `passing-${letter}`);
    const staying = tenancy.run('beta', async () => {
      for (const id of passing) {
        await write(id, 'of beta');
        assert.equal(await read(id), 'of beta');
      }
    });
    await Promise.all(
      passing.map(async (id) => {
        await tenancy.tenants.create({ id });
        await tenancy.run(id, () => write('report', `of ${id}`));
        assert.equal(await has(id, 'report'), `of ${id}`);
        await tenancy.tenants.remove(id);
      }),
    );
    await staying;
    for (const id of passing) assert.equal(await has('beta', id), 'of beta');
  },
};

/** A removed tenant and its successor are told apart by the millisecond in which they were made. */
async function laterThan(date: Date): Promise<void> {
  while (Date.now() <= date.getTime()) await nextTurn();
}
