import { expect, test } from 'vitest';
import { RoundRobinQueue } from './round-robin-queue.ts';

function queueOf(...items: string[]): RoundRobinQueue<string> {
  const queue = new RoundRobinQueue<string>();
  for (const item of items) queue.add(item.charAt(0), item);
  return queue;
}

function drain(queue: RoundRobinQueue<string>): string[] {
  return Array.from({ length: queue.size }, () => queue.next() as string);
}

test('whoever asks once is served before those who ask a lot are served again', () => {
  expect(drain(queueOf('a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
});

test('whoever comes while others wait is served after each of them once', () => {
  const queue = queueOf('a1', 'a2', 'b1', 'b2');
  expect(queue.next()).toBe('a1');
  queue.add('c', 'c1');
  expect(drain(queue)).toEqual(['b1', 'a2', 'c1', 'b2']);
});

test('what is taken out is not served, and leaves the turns of the others as they are', () => {
  const queue = queueOf('a1', 'a2', 'b1', 'c1');
  queue.remove('a', 'a1');
  queue.remove('b', 'b1');
  queue.remove('b', 'b1');
  expect(queue.size).toBe(2);
  expect(drain(queue)).toEqual(['a2', 'c1']);
  expect(queue.next()).toBeUndefined();
  expect(queue.size).toBe(0);
});
