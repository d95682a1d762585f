import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { redact, withoutCredentials, withoutHidden, withoutSecrets } from './redact.ts';

test.each([
  'connect to postgres://app:s3cret@db.internal:5432/main failed',
  'redis://:s3cret@cache:6379',
  'postgres://app:s3cret/with@signs@db/main',
  'host=db user=app password=s3cret dbname=main',
  "PGPASSWORD='s3cret s3cret' psql",
  '{"user":"app","password":"s3\\"s3cret"}',
  "{ password: 's3cret', apiKey: 's3cret' }",
  'client_secret: s3cret, access_token=s3cret',
])('the credential in %s is masked', (text) => {
  expect(redact(text)).not.toContain('s3cret');
  expect(redact(text)).toContain('***');
});

test.each([
  'There is no tenant "acme".',
  'password authentication failed for user "app"',
  'see https://example.com/docs?page=2',
  'mail ops@example.com',
  'at run (file:///app/node_modules/.pnpm/vitest@5.1.1/index.js:1:2)',
  'at run (http://localhost:5173/@fs/app.js)',
  'see https://cdn.example.com/lib@2/index.js',
])('%s stays as it is', (text) => {
  expect(redact(text)).toBe(text);
});

test('a masked URL still says which server it is', () => {
  expect(redact('postgres://app:s3cret@db.internal/main')).toBe('postgres://***@db.internal/main');
});

test.each([
  ["postgres://app:s3'cret@db/main?mail=a@b", 'postgres://***@db/main?mail=a@b'],
  ['redis://:s3 cret@cache', 'redis://***@cache'],
  ['https://app:"s3cret"@host/x', 'https://***@host/x'],
  ['https:app:s3cret@host/x', '***'],
  ['https://example.com/lib@2', 'https://example.com/lib@2'],
  ['ops@example.com', 'ops@example.com'],
])('the setting %s is shown as %s', (setting, shown) => {
  expect(withoutSecrets({ setting: [setting] })).toEqual({ setting: [shown] });
});

test('a cause without credentials is kept as the very object', () => {
  const cause = new Error('connection refused');
  expect(withoutCredentials(cause)).toBe(cause);
});

test('a cause is copied without its credentials, however deep they are', () => {
  const inner = Object.assign(new Error('postgres://app:s3cret@db'), { code: 'ECONNREFUSED' });
  const several = new AggregateError([inner], 'none answered');
  const cause = Object.assign(new Error('outer', { cause: several }), {
    code: '08006',
    port: 5432,
    config: { connection: { password: 's3cret' } },
  });
  const copy = withoutCredentials(cause) as typeof cause;
  expect(inspect(copy, { depth: 20 })).not.toContain('s3cret');
  expect(copy).toMatchObject({ message: 'outer', code: '08006', port: 5432 });
  expect((copy.cause as AggregateError).errors[0]).toMatchObject({ code: 'ECONNREFUSED' });
});

test('a cause that is no error is masked too', () => {
  expect(withoutCredentials('password=s3cret')).toBe('password=***');
  expect(inspect(withoutCredentials({ url: 'postgres://app:s3cret@db' }))).not.toContain('s3cret');
  expect(withoutCredentials(undefined)).toBeUndefined();
});

test.each(['a', 'a://', '://a:', 'password', 'password="', "password='\\\\", 'token =  '])(
  'a long text of %j is masked in a time that grows with its length, and no faster',
  (part) => {
    const before = process.cpuUsage();
    redact(part.repeat(400_000 / part.length));
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
  },
);

test('columns are shown without what is hidden, in a column too, and in each member of a list', () => {
  const since = new Date(0);
  const columns = { pin: '1', billing: { iban: 'DE-1', city: 'Ulm', since }, others: [{ iban: 'DE-2' }], note: null };
  expect(withoutHidden(columns, ['pin', 'billing.iban', 'others.iban', 'note', 'city'])).toEqual({
    pin: '***',
    billing: { iban: '***', city: 'Ulm', since: since.toISOString() },
    others: [{ iban: '***' }],
    note: null,
  });
});
