import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './packages.ts';

const page = readFileSync(join(root, 'docs', 'threat-model.md'), 'utf8');

describe('a test that the threat model names', () => {
  const named = [...page.matchAll(/\[([^[\]]+)\]\(([^()]+\.ts)\)/g)].map(([, title = '', file = '']) => ({
    title,
    file,
  }));

  test.each(named)('"$title" is in $file', ({ title, file }) => {
    const titles = readFileSync(join(root, 'docs', file), 'utf8');
    expect(titles.includes(`'${title}'`) || titles.includes(`"${title}"`)).toBe(true);
  });

  test('is there for each line', () => {
    const lines = page.split('\n- ').slice(1);
    expect(lines.length).toBeGreaterThan(30);
    expect(lines.filter((line) => !/\.ts\)/.test(line) && !line.startsWith('(not tested)'))).toEqual([]);
  });
});
