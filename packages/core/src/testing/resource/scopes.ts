import assert from 'node:assert/strict';
import { handleOf } from '../../extend.ts';
import { isTenancyError } from '../../index.ts';
import { inCentral, meeting, type ResourcePromises, refused, tenants } from './promise.ts';

/** What a resource promises to the scopes that use it. */
export const scopePromises: ResourcePromises = {
  async 'outside a scope there is no handle'({ tenancy, resource }) {
    for (const ask of [() => tenancy.use(resource), () => handleOf(resource)]) {
      assert.throws(ask, (error) => isTenancyError(error, 'OUTSIDE_SCOPE'));
    }
  },

  async 'a scope is given a handle at once, and the same one again'({ tenancy, resource }) {
    await tenancy.run('acme', async () => {
      const handle = tenancy.use(resource);
      assert.equal(typeof (handle as { then?: unknown })?.then, 'undefined');
      await Promise.resolve();
      assert.equal(tenancy.use(resource), handle);
    });
  },

  async 'what a tenant keeps is there in its later scopes, and in no other tenant'({ tenancy, write, has }) {
    await tenancy.run('acme', () => write('report', 'of acme'));
    assert.equal(await has('acme', 'report'), 'of acme');
    assert.equal(await has('beta', 'report'), undefined);
  },

  async 'tenants that take turns at every step keep their own'({ tenancy, write, read }) {
    const rounds = 5;
    const met = Array.from({ length: rounds }, () => [meeting(tenants.length), meeting(tenants.length)] as const);
    await Promise.all(
      tenants.map((id) =>
        tenancy.run(id, async () => {
          for (const [round, [opened, written]] of met.entries()) {
            await opened();
            await write(`round-${round}`, `${id} ${round}`);
            await written();
            assert.equal(await read(`round-${round}`), `${id} ${round}`);
          }
        }),
      ),
    );
  },

  async 'scopes of one tenant at once share what it keeps'({ tenancy, write, has }) {
    await Promise.all([...'abcdefgh'].map((name) => tenancy.run('acme', () => write(name, `of ${name}`))));
    for (const name of 'abcdefgh') {
      assert.equal(await has('acme', name), `of ${name}`);
      assert.equal(await has('beta', name), undefined);
    }
  },

  async 'a scope in a scope is its own, and the outer one goes on as before'({ tenancy, write, read }) {
    await tenancy.run('acme', async () => {
      await write('outer', 'of acme');
      await tenancy.run('beta', async () => {
        assert.equal(await read('outer'), undefined);
        await write('inner', 'of beta');
        await tenancy.run('acme', async () => assert.equal(await read('outer'), 'of acme'));
        assert.equal(await read('inner'), 'of beta');
      });
      assert.equal(await read('inner'), undefined);
      assert.equal(await read('outer'), 'of acme');
    });
  },

  async 'central is apart from every tenant'(site) {
    const { tenancy, write, read, has } = site;
    await tenancy.run('acme', () => write('theirs', 'of acme'));
    await inCentral(site, async () => {
      assert.equal(await read('theirs'), undefined);
      await write('ours', 'of central');
      assert.equal(await read('ours'), 'of central');
      await tenancy.run('acme', async () => assert.equal(await read('ours'), undefined));
    });
    assert.equal(await has('beta', 'ours'), undefined);
  },

  async 'a scope that throws leaves no trace in those beside and after it'({ tenancy, write, read, has }) {
    const met = meeting(2);
    const failing = tenancy.run('acme', async () => {
      await write('before', 'of acme');
      await met();
      throw new Error('It fails.');
    });
    const beside = tenancy.run('beta', async () => {
      await write('before', 'of beta');
      await met();
      await failing.catch(() => {});
      assert.equal(await read('before'), 'of beta');
      await write('after', 'of beta');
    });
    await assert.rejects(failing, { message: 'It fails.' });
    await beside;
    assert.equal(await has('beta', 'after'), 'of beta');
    assert.equal(await has('acme', 'after'), undefined);
    assert.equal(await has('gamma', 'before'), undefined);
  },

  async 'a handle that is carried into another tenant never reaches what is there'({ tenancy, resource, ...site }) {
    const { write, read, has } = site;
    await tenancy.run('beta', () => write('secret', 'of beta'));
    await tenancy.run('acme', async () => {
      const carried = tenancy.use(resource);
      await tenancy.run('beta', async () => {
        assert.equal(await read('secret'), 'of beta');
        assert.equal(await read('secret', carried).catch(refused), undefined);
        await write('planted', 'of acme', carried).catch(refused);
        assert.equal(await read('planted'), undefined);
      });
    });
    assert.equal(await has('gamma', 'planted'), undefined);
  },

  async 'work that a scope leaves behind stays with its tenant, or is refused'({ tenancy, resource, ...site }) {
    const { write, read, has } = site;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    let left: Promise<void> | undefined;
    const aborted = tenancy.run('acme', () => {
      const handle = tenancy.use(resource);
      left = over.then(() => write('late', 'of acme', handle)).catch(refused);
      throw new Error('The caller has gone.');
    });
    await assert.rejects(aborted, { message: 'The caller has gone.' });
    await tenancy.run('beta', async () => {
      await write('own', 'of beta');
      end();
      await left;
      assert.equal(await read('late'), undefined);
    });
    assert.ok([undefined, 'of acme'].includes(await has('acme', 'late')));
  },
};
