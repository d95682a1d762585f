import { expect, test, vi } from 'vitest';
import { firstOf } from './first-of.ts';

const request = { host: 'app.com', path: '/', header: () => undefined, raw: undefined };

test('the first resolver that finds an identifier decides, and the rest are not asked', () => {
  const third = vi.fn(() => ({ id: 'third' }));
  const resolve = firstOf(
    () => undefined,
    () => ({ id: 'second' }),
    third,
  );
  expect(resolve(request)).toEqual({ id: 'second' });
  expect(third).not.toHaveBeenCalled();
});

test('where none finds one there is none', () => {
  expect(firstOf(() => undefined)(request)).toBeUndefined();
  expect(firstOf()(request)).toBeUndefined();
});
