import { expect, test } from 'vitest';
import { pinOf } from './pin.ts';

const placement = { server: 'default', database: 'app', schema: 't_acme' };

test('a pin brings a transaction to its schema, with temporary tables behind it', () => {
  expect(pinOf(placement)).toEqual(['set local search_path to "t_acme", pg_temp']);
});

test('the schema of extensions comes behind the own one', () => {
  expect(pinOf(placement, { extensions: 'extensions' })).toEqual([
    'set local search_path to "t_acme", "extensions", pg_temp',
  ]);
});

test('the role comes first, as the rest is done as that role, and the tenant of shared tables and what refuses writes last', () => {
  expect(pinOf({ ...placement, role: 'app_acme' }, { rowsOf: 'acme~2', readOnly: true })).toEqual([
    'set local role "app_acme"',
    'set local search_path to "t_acme", pg_temp',
    "set local omnitenant.tenant to 'acme~2'",
    'set local transaction_read_only to on',
  ]);
});

test('names are quoted', () => {
  expect(pinOf({ ...placement, schema: 'a"; reset role; --', role: 'b"' })).toEqual([
    'set local role "b"""',
    'set local search_path to "a""; reset role; --", pg_temp',
  ]);
});
