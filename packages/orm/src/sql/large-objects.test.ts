import { expect, test } from 'vitest';
import { refuseLargeObjects } from './large-objects.ts';

const check = refuseLargeObjects('acme');

test.each([
  'select lo_get(7)',
  "select LO_FROM_BYTEA(0, 'x')",
  'select pg_catalog.lo_unlink (7)',
  'select loread(lo_open(7, 1), 10)',
  'select 1; select lo_creat(-1)',
  'select lo_get/* by number */(7)',
  'select "lo_get"(7)',
])('a call of what reads or makes large objects is refused: %s', (sql) => {
  expect(() => check(sql)).toThrow(
    expect.objectContaining({ code: 'STATEMENT_REFUSED', tenant: 'acme', message: expect.stringContaining('bytea') }),
  );
});

test.each([
  'select id from lo_get',
  "insert into note (text) values ('lo_get(7)')",
  'select 1 -- lo_get(7)',
  'select hello_world(1)',
])('what only looks like one is sent: %s', (sql) => {
  expect(() => check(sql)).not.toThrow();
});
