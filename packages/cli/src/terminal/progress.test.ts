import { afterEach, expect, test, vi } from 'vitest';
import { openProgress } from './progress.ts';

const written = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
afterEach(() => void written.mockClear());

function run(total: number, failing?: number): string[] {
  const progress = openProgress('migrating');
  for (let done = 1; done <= total; done += 1) {
    const failed = failing !== undefined && done >= failing ? 1 : 0;
    const error = done === failing ? new Error('no table') : undefined;
    progress.step({ tenant: `t${done}`, total, done, failed, error });
  }
  progress.end();
  return written.mock.calls.map(([text]) => String(text));
}

test('without a terminal, a long run prints a line at each tenth, and each failure', () => {
  const lines = run(1_000, 150);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('migrating 100/1000 · 0 failed\n');
  expect(lines[1]).toBe('failed "t150": no table\n');
  expect(lines.at(-1)).toBe('migrating 900/1000 · 1 failed\n');
});

test('a run of few tenants that does not take long prints nothing but failures', () => {
  expect(run(5)).toEqual([]);
});
