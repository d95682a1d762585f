import assert from 'node:assert/strict';
import type { TenantStore } from '../../extend.ts';
import { memoryStore } from '../../index.ts';
import type { Promises } from './site.ts';

/** What a request that does not get in is told. */
export const refusals: Promises = {
  'an unknown tenant is 404, and the answer does not name it': () => ({
    async check(site) {
      const reply = await site.ask('nosuch.app.test');
      assert.equal(reply.status, 404);
      assert.doesNotMatch(reply.body, /nosuch/);
    },
  }),

  'a request that names no tenant is 400': () => ({
    async check(site) {
      assert.equal((await site.ask('elsewhere.example')).status, 400);
    },
  }),

  'a suspended tenant is 403': () => ({
    async check(site) {
      assert.equal((await site.ask('asleep.app.test')).status, 403);
    },
  }),

  'a tenant in maintenance is 503, and the answer says when to come back': () => ({
    async check(site) {
      const reply = await site.ask('repair.app.test');
      assert.equal(reply.status, 503);
      assert.match(reply.headers['retry-after'] ?? '', /^\d+$/);
    },
  }),

  'a store that is down is 503, and the answer holds no credential': () => ({
    store: downFor('lost'),
    async check(site) {
      const reply = await site.ask('lost.app.test');
      assert.equal(reply.status, 503);
      assert.doesNotMatch(reply.body, /s3cret|postgres/);
    },
  }),

  'a refused request runs none of the application': () => ({
    async check(site) {
      for (const host of ['nosuch.app.test', 'elsewhere.example', 'asleep.app.test', 'repair.app.test']) {
        await site.ask(host);
      }
      await site.left(0);
      assert.deepEqual(site.opened, []);
    },
  }),
};

function downFor(id: string): TenantStore {
  const store = memoryStore();
  return {
    ...store,
    async find(asked) {
      if (asked !== id) return store.find(asked);
      throw new Error('connect ECONNREFUSED postgres://app:s3cret@db.internal:5432/central');
    },
  };
}
