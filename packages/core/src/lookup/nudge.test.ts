import { expect, test, vi } from 'vitest';
import type { TenantChanges, TenantRecordChange } from '../stores/changes.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';
import { draftOf } from '../testing/store/promise.ts';
import { createFollowedCache } from './followed-cache.ts';
import { createNudging, type Nudge } from './nudge.ts';

/** A cache whose clock stands, so that it looks at changes only where it is nudged. */
async function nudged(nudge: Partial<Nudge> = {}) {
  const store = memoryStore();
  const log: TenantRecordChange[] = [];
  const changes = vi.fn(
    async (since = log.length): Promise<TenantChanges> => ({
      until: log.length,
      complete: true,
      changes: log.slice(since),
    }),
  );
  const heard = Promise.withResolvers<() => void>();
  const onError = vi.fn();
  const listen: Nudge['listen'] = (look) => {
    heard.resolve(look);
    return () => {};
  };
  const nudging = createNudging({ listen, ...nudge }, onError);
  const cache = createFollowedCache({ ...store, changes }, { clock: { now: () => 0 } }, () => {}, nudging);
  await store.insert(draftOf('acme'), []);
  expect(await cache.find('acme')).toMatchObject({ name: 'acme' });
  let changed = 0;
  return {
    cache,
    changes,
    nudging,
    onError,
    look: nudge.listen ? () => {} : await heard.promise,
    nameOf: async () => (await cache.find('acme'))?.name,
    async changeElsewhere() {
      changed += 1;
      await store.update('acme', { name: `n${changed}` });
      log.push({ kind: 'changed', tenant: 'acme' });
      return `n${changed}`;
    },
  };
}

test('a nudged process looks at the changes at once', async () => {
  const { changeElsewhere, look, nameOf, changes } = await nudged();
  const name = await changeElsewhere();
  expect(await nameOf()).toBe('acme');
  look();
  await vi.waitFor(async () => expect(await nameOf()).toBe(name));
  expect(changes).toHaveBeenCalledTimes(2);
});

test('a nudge during a look leads to another, because the look may have missed the change', async () => {
  const { changeElsewhere, look, nameOf, changes } = await nudged();
  const slow = Promise.withResolvers<TenantChanges>();
  changes.mockImplementationOnce(() => slow.promise);
  look();
  const name = await changeElsewhere();
  for (let n = 0; n < 5; n += 1) look();
  slow.resolve({ until: 0, complete: true, changes: [] });
  await vi.waitFor(async () => expect(await nameOf()).toBe(name));
  expect(changes).toHaveBeenCalledTimes(3);
});

test('the others are told once of what this process has changed in one go', async () => {
  const send = vi.fn();
  const { cache } = await nudged({ send });
  cache.changed('acme');
  cache.domainChanged('acme.com');
  await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(1));
  cache.gone('acme');
  await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(2));
});

test('a nudge that fails is reported, and takes nothing along', async () => {
  const error = new Error('no bus');
  const fail = () => {
    throw error;
  };
  const { cache, nudging, onError, nameOf } = await nudged({ send: fail, listen: fail });
  expect(onError).toHaveBeenCalledExactlyOnceWith(error, {});
  cache.changed('acme');
  expect(await nameOf()).toBe('acme');
  await nudging.end();
  expect(onError).toHaveBeenCalledTimes(2);
});

test('its end waits for what is being sent, and not for long', async () => {
  vi.useFakeTimers();
  try {
    const sent = Promise.withResolvers<void>();
    const listen = () => () => new Promise<void>(() => {});
    const { cache, nudging } = await nudged({ send: () => sent.promise, listen });
    cache.changed('acme');
    let ended = false;
    const end = nudging.end().then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(900);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    await end;
    sent.resolve();
  } finally {
    vi.useRealTimers();
  }
});

test('what comes after the end is not listened to', async () => {
  const { nudging, look, changes } = await nudged();
  await nudging.end();
  look();
  expect(changes).toHaveBeenCalledTimes(1);
  const listen = vi.fn();
  const late = createNudging({ listen });
  await late.end();
  late.listen(() => {});
  expect(listen).not.toHaveBeenCalled();
});

test('a nudge needs a store that tells of its changes, and something to listen to', () => {
  const store = memoryStore();
  const listen = () => () => {};
  const refusal = (why: RegExp) =>
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(why) });
  expect(() => createTenancy({ store, nudge: { listen } })).toThrow(refusal(/a store that publishes its changes/));
  expect(() => createTenancy({ store, nudge: {} as never })).toThrow(refusal(/a nudge with a listen\(\)/));
});
