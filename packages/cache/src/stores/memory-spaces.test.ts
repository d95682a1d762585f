import { describe, expect, test } from 'vitest';
import { type MemorySpaces, memorySpaces } from './memory-spaces.ts';

interface Bounds {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  readonly tenantShare?: number;
}

function start({ maxEntries = 100, maxBytes = 2 ** 30, tenantShare = 1 }: Bounds): MemorySpaces<number> {
  return memorySpaces({ maxEntries, maxBytes, tenantShare, bytesOf: (bytes: number) => bytes });
}

/** How many of the ids of an owner are there. */
function count(spaces: MemorySpaces<number>, owner: string, length = 1_000): number {
  return Array.from({ length }, (_, n) => spaces.get(owner, `${n}`)).filter((value) => value !== undefined).length;
}

function fill(spaces: MemorySpaces<number>, owner: string, { length = 1_000, bytes = 1 } = {}): void {
  for (let n = 0; n < length; n += 1) spaces.set(owner, `${n}`, bytes);
}

describe('what one owner may have', () => {
  test('is its share of the entries', () => {
    const spaces = start({ tenantShare: 0.1 });
    fill(spaces, 'busy');
    expect(count(spaces, 'busy')).toBe(10);
    expect(spaces.get('busy', '999')).toBe(1);
  });

  test('is its share of the bytes, and nothing that is larger than that', () => {
    const spaces = start({ maxBytes: 100_000, tenantShare: 0.1 });
    fill(spaces, 'busy', { bytes: 2_000 });
    expect(count(spaces, 'busy')).toBe(4);
    spaces.set('busy', '999', 10_000);
    expect(spaces.get('busy', '999')).toBeUndefined();
    expect(count(spaces, 'busy')).toBe(3);
  });

  test('is one entry at least', () => {
    const spaces = start({ maxEntries: 3, tenantShare: 0.1 });
    fill(spaces, 'busy');
    expect(count(spaces, 'busy')).toBe(1);
  });
});

describe('where there is no room', () => {
  test('those who have more than the others make it', () => {
    const spaces = start({});
    for (let n = 0; n < 50; n += 1) spaces.set(`quiet-${n}`, 'only', 1);
    for (const owner of ['busy', 'busier', 'busiest']) fill(spaces, owner);
    const quiet = Array.from({ length: 50 }, (_, n) => spaces.get(`quiet-${n}`, 'only'));
    expect(quiet.filter((value) => value === 1).length).toBeGreaterThan(45);
  });

  test('of bytes, many small entries are no more than few large ones', () => {
    const spaces = start({ maxEntries: 10_000, maxBytes: 100_000 });
    for (let n = 0; n < 5; n += 1) spaces.set(`quiet-${n}`, 'only', 5_000);
    fill(spaces, 'busy', { bytes: 1_000 });
    for (let n = 0; n < 5; n += 1) expect(spaces.get(`quiet-${n}`, 'only')).toBe(5_000);
    expect(count(spaces, 'busy')).toBeGreaterThan(50);
  });

  test('of bytes, it is made for all together', () => {
    const spaces = start({ maxEntries: 10_000, maxBytes: 100_000, tenantShare: 0.5 });
    const owners = ['a', 'b', 'c', 'd'];
    for (const owner of owners) fill(spaces, owner, { bytes: 1_000 });
    const kept = owners.map((owner) => count(spaces, owner)).reduce((sum, one) => sum + one);
    expect(kept).toBeGreaterThan(70);
    expect(kept).toBeLessThan(85);
  });

  test('of entries, the bytes that others have protect nobody', () => {
    const spaces = start({});
    for (let n = 0; n < 10; n += 1) spaces.set(`quiet-${n}`, 'only', 1_000_000);
    fill(spaces, 'busy');
    for (let n = 0; n < 10; n += 1) expect(spaces.get(`quiet-${n}`, 'only')).toBe(1_000_000);
  });

  test('a newcomer takes the place of what was used longest ago', () => {
    const spaces = start({ maxEntries: 3 });
    fill(spaces, 'first', { length: 3 });
    spaces.get('first', '0');
    spaces.set('second', 'only', 1);
    expect(count(spaces, 'first', 3)).toBe(2);
    expect(spaces.get('first', '1')).toBeUndefined();
    expect(spaces.get('second', 'only')).toBe(1);
  });
});

test('what was deleted, replaced or cleared takes no room', () => {
  const spaces = start({ maxBytes: 100_000 });
  for (let round = 0; round < 100; round += 1) {
    fill(spaces, 'a', { length: 10, bytes: 5_000 });
    spaces.delete('a', '0');
    spaces.deleteIf('a', (bytes) => bytes === 5_000);
    fill(spaces, 'b', { length: 10, bytes: 5_000 });
    spaces.clear('b');
  }
  fill(spaces, 'c', { length: 18, bytes: 5_000 });
  expect(count(spaces, 'c')).toBe(18);
  spaces.clear();
  expect(count(spaces, 'c')).toBe(0);
});
