import { expect, test } from 'vitest';
import { keyedMutex } from './keyed-mutex.ts';

test('what is done to one tenant is done one after another, and others do not wait', async () => {
  const exclusively = keyedMutex();
  const held = Promise.withResolvers<void>();
  const events: string[] = [];
  const first = exclusively('acme', async () => {
    events.push('acme 1 begins');
    await held.promise;
    events.push('acme 1 ends');
  });
  const second = exclusively('acme', async () => events.push('acme 2'));
  await exclusively('birch', async () => events.push('birch'));
  held.resolve();
  await Promise.all([first, second]);
  expect(events).toEqual(['acme 1 begins', 'birch', 'acme 1 ends', 'acme 2']);
});

test('a turn that fails is told to its own caller only', async () => {
  const exclusively = keyedMutex();
  const failing = exclusively('acme', () => Promise.reject(new Error('no')));
  const next = exclusively('acme', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
