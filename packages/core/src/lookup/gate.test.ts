import { expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { createGate } from './gate.ts';

/** Calls that end when the test says so. */
function calls() {
  const open: PromiseWithResolvers<void>[] = [];
  let running = 0;
  return {
    open,
    running: () => running,
    async begin() {
      running += 1;
      const held = Promise.withResolvers<void>();
      open.push(held);
      await held.promise.finally(() => {
        running -= 1;
      });
    },
  };
}

function turn() {
  return new Promise<void>((resolve) => setImmediate(resolve));
}

test('no more calls run than may, and the rest go in their order', async () => {
  const gate = createGate({ running: 2, waiting: 10 });
  const { open, running, begin } = calls();
  const ended: number[] = [];
  const all = [0, 1, 2, 3, 4].map((n) => gate.pass('a', begin).then(() => ended.push(n)));
  for (let n = 0; n < 5; n += 1) {
    await turn();
    expect(running()).toBe(Math.min(2, 5 - n));
    open[n]?.resolve();
  }
  await Promise.all(all);
  expect(ended).toEqual([0, 1, 2, 3, 4]);
});

test('a newcomer does not take the place that one who waits was given', async () => {
  const gate = createGate({ running: 1, waiting: 10 });
  const { open, running, begin } = calls();
  const all = [gate.pass('a', begin), gate.pass('a', begin)];
  for (let n = 0; n < 4; n += 1) {
    await turn();
    open[n]?.resolve();
    await turn();
    if (n < 2) all.push(gate.pass('a', begin));
    await turn();
    expect(running()).toBe(n < 3 ? 1 : 0);
  }
  await Promise.all(all);
});

test('a call that fails gives its place to the next', async () => {
  const gate = createGate({ running: 1, waiting: 10 });
  const failing = gate.pass('a', async () => {
    throw new Error('no');
  });
  const next = gate.pass('a', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
  expect(await gate.pass('a', async () => 'again')).toBe('again');
});

test('one more than may wait is refused at once, and there is room again later', async () => {
  const gate = createGate({ running: 1, waiting: 1 });
  const { open, begin } = calls();
  const first = gate.pass('a', begin);
  const second = gate.pass('a', begin);
  await expect(gate.pass('a', begin)).rejects.toSatisfy((error) => isTenancyError(error, 'STORE_UNAVAILABLE'));
  open[0]?.resolve();
  await first;
  await turn();
  open[1]?.resolve();
  await second;
  expect(await gate.pass('a', async () => 'in')).toBe('in');
});
