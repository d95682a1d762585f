import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

test('what is done to one tenant is done one after another, and others do not wait', async () => {
  const inTurn = createTurns();
  const held = Promise.withResolvers<void>();
  const events: string[] = [];
  const first = inTurn('acme', async () => {
    events.push('acme 1 begins');
    await held.promise;
    events.push('acme 1 ends');
  });
  const second = inTurn('acme', async () => events.push('acme 2'));
  await inTurn('birch', async () => events.push('birch'));
  held.resolve();
  await Promise.all([first, second]);
  expect(events).toEqual(['acme 1 begins', 'birch', 'acme 1 ends', 'acme 2']);
});

test('a turn that fails is told to its own caller only', async () => {
  const inTurn = createTurns();
  const failing = inTurn('acme', () => Promise.reject(new Error('no')));
  const next = inTurn('acme', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
