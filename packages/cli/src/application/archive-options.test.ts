import type { Anonymisation } from '@omnitenant/core';
import { expect, test } from 'vitest';
import { exportOptions } from './archive-options.ts';
import type { OmnitenantConfig } from './config.ts';

test('without rules, nothing is exported as it is instead', () => {
  const without = { orm: { anonymisation: () => {} } } as unknown as OmnitenantConfig;
  expect(exportOptions(without, undefined)).toEqual({});
  expect(() => exportOptions(without, true)).toThrow('no rules to anonymise by');
  const anonymisation = { record: () => ({}), resources: {} } satisfies Anonymisation;
  expect(exportOptions({ ...without, anonymisation }, true)).toEqual({ anonymise: anonymisation });
});
