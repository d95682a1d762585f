import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { publisher, type Traced, tracer } from './diagnostics.ts';

const publish = publisher<{ 'test:event': { readonly n: number } }>();
const trace = tracer<{ 'test:work': { readonly n: number } }>();

test('a message is made only where somebody listens', () => {
  const made: number[] = [];
  const heard: unknown[] = [];
  function message(n: number) {
    return () => {
      made.push(n);
      return { n };
    };
  }
  publish('test:event', message(1));
  const listen = (told: unknown) => void heard.push(told);
  subscribe('test:event', listen);
  publish('test:event', message(2));
  unsubscribe('test:event', listen);
  publish('test:event', message(3));
  expect([made, heard]).toEqual([[2], [{ n: 2 }]]);
});

test('work is traced with its error, and runs in what each listener puts around it', async () => {
  const told: unknown[] = [];
  function around(name: string) {
    return (message: object) => {
      const traced = message as Traced;
      const inner = traced.around;
      traced.around = (work) => {
        told.push(`into ${name}`);
        return inner === undefined ? work() : inner(work);
      };
    };
  }
  const listeners = [around('first'), around('second')].map((start) => ({ start, end() {}, asyncStart() {} }));
  const handlers = listeners.map((listener) => ({
    ...listener,
    asyncEnd: () => void told.push('end'),
    error: (message: { error: unknown }) => void told.push(message.error),
  }));
  const channel = tracingChannel<object, { error: unknown }>('test:work');
  for (const each of handlers) channel.subscribe(each as never);
  onTestFinished(() => {
    for (const each of handlers) channel.unsubscribe(each as never);
  });
  const failed = new Error('Failed.');
  const work = trace(
    'test:work',
    () => ({ n: 1 }),
    async () => {
      told.push('work');
      throw failed;
    },
  );
  await expect(work).rejects.toBe(failed);
  expect(told).toEqual(['into second', 'into first', 'work', failed, failed, 'end', 'end']);
});
