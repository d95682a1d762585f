import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { OperationDraft } from '../../stores/operations.ts';
import type { TenantStore } from '../../stores/store.ts';
import type { StorePromises } from './promise.ts';

const hour = 3_600_000;

function operationsOf({ operations }: TenantStore) {
  assert.ok(operations);
  return operations;
}

function draftOf(more: Partial<OperationDraft> = {}): OperationDraft {
  return { id: randomUUID(), verb: 'migrate', actor: 'maria', digest: 'd', holder: 'first', ...more };
}

/** What operations promise, of a store that records them. */
export const operationPromises: StorePromises = {
  async 'an operation is recorded when it begins, while it goes on, and when it has ended'(store) {
    const operations = operationsOf(store);
    const draft = draftOf({ tenant: 'acme', reason: 'ticket 7' });
    const { holder, ...known } = draft;
    const begun = await operations.begin(draft, hour);
    const { startedAt, ...rest } = begun;
    assert.deepEqual({ ...rest }, { ...known, status: 'running' });
    assert.ok(startedAt instanceof Date);
    assert.equal(await operations.renew(draft.id, holder, hour, { done: 1, total: 2, failed: 0 }), true);
    assert.deepEqual((await operations.find(draft.id))?.progress, { done: 1, total: 2, failed: 0 });
    const result = { migrated: 2, failed: [] };
    assert.equal(await operations.end(draft.id, holder, { status: 'succeeded', result }), true);
    const ended = await operations.find(draft.id);
    assert.deepEqual([ended?.status, ended?.result], ['succeeded', result]);
    assert.ok(ended?.endedAt instanceof Date);
  },

  async 'an operation that is not there is undefined'(store) {
    assert.equal(await operationsOf(store).find(randomUUID()), undefined);
  },

  async 'an actor begins one operation with a key, also at once, and another actor another one'(store) {
    const operations = operationsOf(store);
    const key = randomUUID();
    const drafts = Array.from({ length: 5 }, () => draftOf({ key }));
    const ids = (await Promise.all(drafts.map((draft) => operations.begin(draft, hour)))).map(({ id }) => id);
    assert.equal(new Set(ids).size, 1);
    const other = await operations.begin(draftOf({ key, actor: 'noor' }), hour);
    assert.ok(!ids.includes(other.id));
  },

  async 'one that nobody has renewed in time has failed, and stays so'(store) {
    const operations = operationsOf(store);
    const draft = draftOf();
    await operations.begin(draft, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const found = await operations.find(draft.id);
    assert.deepEqual([found?.status, found?.error?.code], ['failed', 'ABANDONED']);
    assert.equal(await operations.renew(draft.id, draft.holder, hour), false);
    assert.equal(await operations.end(draft.id, draft.holder, { status: 'succeeded' }), false);
    assert.equal((await operations.find(draft.id))?.status, 'failed');
  },

  async 'only its holder renews an operation, and ends it'(store) {
    const operations = operationsOf(store);
    const draft = draftOf();
    await operations.begin(draft, hour);
    assert.equal(await operations.renew(draft.id, 'second', hour), false);
    assert.equal(await operations.end(draft.id, 'second', { status: 'succeeded' }), false);
    const error = { code: 'MIGRATE_FAILED', message: 'It failed.' };
    assert.equal(await operations.end(draft.id, 'first', { status: 'failed', error }), true);
    assert.deepEqual((await operations.find(draft.id))?.error, error);
  },

  async 'pages have the newest operations first, and those of one tenant where it is asked for'(store) {
    const operations = operationsOf(store);
    const tenants = ['elm', 'fir', 'elm', 'elm'];
    const ids: string[] = [];
    for (const tenant of tenants) ids.push((await operations.begin(draftOf({ tenant }), hour)).id);
    const first = await operations.page({ tenant: 'elm', limit: 2 });
    assert.deepEqual(
      first.map(({ id }) => id),
      [ids[3], ids[2]],
    );
    const second = await operations.page({ tenant: 'elm', limit: 2, after: ids[2] });
    assert.deepEqual(
      second.map(({ id }) => id),
      [ids[0]],
    );
  },

  async 'what ended long enough ago is forgotten with its key, so many at most, and nothing that runs'(store) {
    const operations = operationsOf(store);
    const draft = draftOf({ key: randomUUID(), actor: randomUUID() });
    await operations.begin(draft, hour);
    while ((await operations.forget(0, 100)) > 0);
    assert.equal((await operations.find(draft.id))?.status, 'running');
    await operations.end(draft.id, draft.holder, { status: 'succeeded' });
    assert.equal(await operations.forget(hour, 100), 0);
    assert.equal(await operations.forget(0, 0), 0);
    assert.equal((await operations.begin({ ...draft, id: randomUUID() }, hour)).id, draft.id);
    assert.equal(await operations.forget(0, 1), 1);
    assert.equal(await operations.find(draft.id), undefined);
    const again = { ...draft, id: randomUUID() };
    assert.equal((await operations.begin(again, hour)).id, again.id);
  },
};
