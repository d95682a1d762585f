import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom'] });
  await app.run('run', 'report.ts', '--tenant', 'acme');
});
afterAll(() => app[Symbol.asyncDispose]());

test('shows what each tenant has used, by the processes before, and what it stores', async () => {
  const { code, out, err } = await app.run('usage');
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^Since \d{4}-\d\d-01 \(UTC\)/) });
  const [head, ...rows] = out
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  expect(head).toEqual(['tenant', 'created', 'statements', 'ms', 'rows', 'jobs', 'cache bytes', 'storage bytes']);
  expect(rows).toEqual([
    [
      'acme',
      expect.any(String),
      '1',
      expect.stringMatching(/^\d+$/),
      '1',
      '0',
      '0',
      expect.stringMatching(/^[1-9]\d+$/),
    ],
    ['bloom', expect.stringMatching(/^\d{4}-\d\d-\d\d$/), '0', '0', '0', '0', '0', expect.stringMatching(/^[1-9]\d+$/)],
  ]);
});

test('shows one tenant as JSON, from a day on', async () => {
  const recent = JSON.parse((await app.run('usage', 'acme', '--since', '1d', '--json')).out);
  expect(recent).toMatchObject([{ tenant: 'acme', statements: 1, storageBytes: expect.any(Number) }]);
  const future = JSON.parse((await app.run('usage', 'acme', '--since', '2999-01-01', '--json')).out);
  expect(future).toMatchObject([{ tenant: 'acme', statements: 0 }]);
  const { code, err } = await app.run('usage', '--since', 'yesterday');
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('such as 2026-01-31') });
});
