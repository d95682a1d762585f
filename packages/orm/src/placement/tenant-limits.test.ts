import { tenantSnapshot } from '@omnitenant/core/extend';
import { expect, test } from 'vitest';
import { limitsOfTenant, type TenantLimits } from './tenant-limits.ts';

const acme = tenantSnapshot({
  id: 'acme',
  name: 'Acme',
  status: 'active',
  isolation: 'schema',
  placement: {},
  config: {},
  createdAt: new Date(0),
  updatedAt: new Date(0),
} as never);

test('a tenant of which nothing is said has its share and no settings', () => {
  const { share, settings } = limitsOfTenant(undefined, acme);
  expect(share).toMatchObject({ tenant: 'acme', ownDatabase: false, connections: undefined, waiting: undefined });
  expect(settings).toEqual({});
});

test('what the function says of a tenant becomes its share and its settings', () => {
  const { share, settings } = limitsOfTenant(
    ({ id }) =>
      id === 'acme' ? { connections: 2, waiting: 0, settings: { statement_timeout: 500, work_mem: '8MB' } } : {},
    acme,
  );
  expect(share).toMatchObject({ connections: 2, waiting: 0 });
  expect(settings).toEqual({ statement_timeout: '500', work_mem: '8MB' });
});

test.each<[string, unknown]>([
  ['connections must be a whole number from 1', { connections: 0 }],
  ['waiting must be a whole number from 0', { waiting: -1 }],
  ['did you mean "connections"', { conections: 1 }],
  ['has no option "search_path"', { settings: { search_path: 'public' } }],
  ['statement_timeout must be a duration', { settings: { statement_timeout: "0'; reset role; --" } }],
  ['statement_timeout must be a duration', { settings: { statement_timeout: '400us' } }],
  ['statement_timeout must be a duration', { settings: { statement_timeout: '25d' } }],
  ['work_mem must be a size', { settings: { work_mem: 'lots' } }],
  ['work_mem must be a size', { settings: { work_mem: 63 } }],
  ['work_mem must be a size', { settings: { work_mem: '2048GB' } }],
  ['timezone must be the name of a time zone', { settings: { timezone: 'Europe/Atlantis' } }],
  ['timezone must be the name of a time zone', { settings: { timezone: '+02:00' } }],
  ['timezone must be the name of a time zone', { settings: { timezone: "UTC'; select 1" } }],
])('limits that cannot be are refused, with the name of the tenant: %s', (message, limits) => {
  expect(() => limitsOfTenant(() => limits as TenantLimits, acme)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', tenant: 'acme', message: expect.stringContaining(message) }),
  );
});
