import { expect, test } from 'vitest';
import { masked } from './masked.ts';

test('what may be a credential is masked at every depth, and the rest stays', () => {
  const at = new Date(0);
  const shown = masked({
    plan: 'pro',
    apiToken: 'x',
    dbPassword: null,
    at,
    urls: ['redis://u:hunter2@r/1', 'https://acme.com/a'],
    smtp: { host: 'mail', auth: { user: 'a' } },
  });
  expect(shown).toEqual({
    plan: 'pro',
    apiToken: '***',
    dbPassword: null,
    at,
    urls: ['redis://***@r/1', 'https://acme.com/a'],
    smtp: { host: 'mail', auth: '***' },
  });
});
