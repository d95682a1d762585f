import { expect, test } from 'vitest';
import { placementOf, sharesTables } from './placement.ts';

const placement = { server: 'default', database: 'app', schema: 't_acme' };

test('a record that nobody placed is refused, not guessed at', () => {
  expect(() => placementOf({ id: 'acme', placement: {} } as never)).toThrow(
    expect.objectContaining({
      code: 'TENANT_INVALID',
      tenant: 'acme',
      message: expect.stringContaining('has no placement'),
    }),
  );
});

test('only tenants of isolation row share tables', () => {
  expect(['schema', 'database', 'row'].filter((isolation) => sharesTables({ isolation }))).toEqual(['row']);
});

test('the placement of a tenant on a server of its own names the tenant', () => {
  const own = { ...placement, server: 'own', url: 'env:ACME_URL' };
  expect(placementOf({ id: 'acme', isolation: 'database', placement: own } as never)).toMatchObject({
    tenant: 'acme',
    url: 'env:ACME_URL',
  });
  expect(placementOf({ id: 'acme', isolation: 'database', placement } as never)).not.toHaveProperty('tenant');
});
