import { beforeEach, expect, test } from 'vitest';
import type { CacheStore } from './cache-store.ts';
import type { ChangeHandlers } from './change-listener.ts';
import { layeredStore } from './layered-store.ts';
import { memoryStore } from './memory-store.ts';

const memory = { maxEntries: 100, maxBytes: 2 ** 20, tenantShare: 1 };
const lifetime = { ttlMs: 60_000, graceMs: 0, tags: [] };

let elsewhere: CacheStore;
let store: CacheStore;
let handlers: ChangeHandlers | undefined;
let isListening: boolean;
/** Called after the store has found its answer, before it gives it. */
let beforeAnswer: () => unknown;
let asked: number;

beforeEach(() => {
  [isListening, beforeAnswer, asked, handlers] = [true, () => {}, 0, undefined];
  elsewhere = memoryStore(memory);
  const slow: CacheStore = {
    ...elsewhere,
    async get(owner, keys) {
      asked += 1;
      const answer = await elsewhere.get(owner, keys);
      await beforeAnswer();
      return answer;
    },
  };
  const changes = {
    isListening(given: ChangeHandlers) {
      handlers = given;
      return isListening;
    },
    end: () => {},
  };
  store = layeredStore(slow, { memory, ttlMs: 60_000, changes });
});

async function read(owner = 'acme@1'): Promise<string | undefined> {
  const [kept] = await store.get(owner, ['a']);
  return kept?.text;
}

test('an answer that was outdated on its way is given, and not kept', async () => {
  await elsewhere.set('acme@1', [['a', 'older']], lifetime);
  const happens: (() => unknown)[] = [
    () => handlers?.onChange('acme@1', ['a']),
    () => handlers?.onChange('acme@1'),
    () => handlers?.onLost(),
    () => store.delete('acme@1', 'b'),
  ];
  for (const happen of happens) {
    beforeAnswer = happen;
    expect(await read()).toBe('older');
    beforeAnswer = () => {};
    asked = 0;
    await read();
    expect(asked).toBe(1);
    handlers?.onLost();
  }
});

test('changes of other owners and keys leave a copy', async () => {
  await elsewhere.set('acme@1', [['a', 'kept']], lifetime);
  beforeAnswer = () => handlers?.onChange('acme@2');
  await read();
  handlers?.onChange('acme@1', ['b']);
  expect([await read(), asked]).toEqual(['kept', 1]);
});

test('a question from before changes could be heard of leaves no copy', async () => {
  await elsewhere.set('acme@1', [['a', 'kept']], lifetime);
  isListening = false;
  beforeAnswer = () => {
    isListening = true;
  };
  await read();
  beforeAnswer = () => {};
  expect([await read(), asked]).toEqual(['kept', 2]);
  expect([await read(), asked]).toEqual(['kept', 2]);
});

test('a change that fails may have been made', async () => {
  await elsewhere.set('acme@1', [['a', 'older']], lifetime);
  await read();
  const failing = layeredStore(
    { ...elsewhere, set: () => Promise.reject(new Error('no answer')) },
    { memory, ttlMs: 60_000, changes: { isListening: () => true, end: () => {} } },
  );
  await failing.get('acme@1', ['a']);
  await expect(failing.set('acme@1', [['a', 'newer']], lifetime)).rejects.toThrow('no answer');
  await elsewhere.set('acme@1', [['a', 'newer']], lifetime);
  expect((await failing.get('acme@1', ['a']))[0]?.text).toBe('newer');
});
