import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { errorCodes } from '@omnitenant/core';
import { test } from 'vitest';

const page = await readFile(new URL('./guide/errors.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\|/gm)].map(([, code, status]) => [code, Number(status)]);

test('the page on errors has each code once, in the order of the code, with its status', () => {
  assert.deepEqual(
    rows,
    Object.entries(errorCodes).map(([code, { status }]) => [code, status]),
  );
});
