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
      text: "select pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('standard_conforming_strings', $2, true), pg_catalog.set_config('omnitenant.tenant', $3, true), pg_catalog.set_config('omnitenant.proof', $4, true)",
      values: ['"rows", "extensions", pg_temp', 'on', 'acme~2', 'proof of acme'],
    },
  ]);
});

test('a tenant’s settings come last, each quoted, and in a proven pin are bound with the rest', () => {
  const settings = { statement_timeout: '5s', timezone: "it's" };
  expect(pinOf(placement, { settings })).toEqual([
    'set local search_path to "t_acme", pg_temp',
    "set local statement_timeout to '5s'",
    "set local timezone to 'it''s'",
  ]);
  const [command] = signedPinOf(placement, { settings, proof: 'proof' });
  expect(command).toMatchObject({ values: expect.arrayContaining(['5s', "it's", 'proof']) });
});
