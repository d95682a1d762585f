import { expect, test } from 'vitest';
import { pinOf, signedPinOf } from './pin.ts';

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

test('where the tenant is proven the pin is one command, in whose text nothing of the tenant stands', () => {
  const options = { rowsOf: 'acme~2', proof: 'proof of acme', extensions: 'extensions' };
  expect(signedPinOf({ ...placement, schema: 'rows', role: 'app_rows' }, options)).toEqual([
    {
      text: "select pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('omnitenant.tenant', $2, true), pg_catalog.set_config('omnitenant.proof', $3, true)",
      values: ['"rows", "extensions", pg_temp', 'acme~2', 'proof of acme'],
    },
  ]);
});
