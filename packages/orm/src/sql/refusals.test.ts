import { describe, expect, test } from 'vitest';
import { oneStatement } from './refusals.ts';

const refused = expect.objectContaining({ code: 'STATEMENT_REFUSED' });

describe('where tenants have roles', () => {
  test.each([
    'select 1; select 2',
    'set role none',
    'set local "role" to none',
    '/* */ set/* */local role none',
    'reset role',
    'reset all',
    'discard all',
    'set session authorization default',
    `set local omnitenant.tenant to 'b'`,
    `set local "omnitenant.tenant" to 'b'`,
    `select set_config('role', 'none', true)`,
    `select pg_catalog."set_config"('role', 'none', true)`,
    `with a as materialized (select "set_config"('role', 'none', true)) select query_to_xml('select 1', true, true, '') from a`,
    `select U&"set\\005fconfig"('role', 'none', true)`,
    'do $$ begin set local role none; end $$',
    'set local standard_conforming_strings to off',
    `select set_config('app.user', 'a', true), set_config('ROLE', 'none', true)`,
    `select set_config('omnitenant.tenant', 'b', true)`,
    `select set_config('app.user', 'a', true), query_to_xml('select 1', true, true, '')`,
    `select set_config('app.user', set_config('role', 'none', true), true)`,
    `select set_config('app.user', 'a', false)`,
    `select set_config('app.user', 'it''s', true) from author`,
  ])('%s is refused', (sql) => {
    expect(() => oneStatement(sql)).toThrow(refused);
  });

  test.each([
    `select 'set_config', $$ set_config $$ -- set_config`,
    `select "role" from "tenant"`,
    `update "user" set "role" = 'set role none; reset role'`,
    `set local lock_timeout to '1s'`,
    `select set_config('app.user', 'it''s, set_config(''role''', true), set_config('app.tenant', 'a', true)`,
  ])('%s is sent', (sql) => {
    expect(() => oneStatement(sql)).not.toThrow();
  });
});
