import { describe, expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import type { Tenant, TenantChange, TenantInput } from './tenant.ts';
import { parseTenantChange, parseTenantInput } from './tenant-input.ts';

const reserved = new Set(['admin']);
function refused(code: 'TENANT_INVALID' | 'DOMAIN_INVALID') {
  return expect.toSatisfy((error) => isTenancyError(error, code)) as unknown as Error;
}

test('an input becomes a provisioning tenant that is named after its id, with its domains', () => {
  const { draft, domains } = parseTenantInput(
    { id: 'acme', domains: ['Acme.com', { host: 'shop.acme.com', primary: true }] },
    reserved,
  );
  expect(draft).toEqual({ id: 'acme', name: 'acme', status: 'provisioning', config: {} });
  expect(domains).toEqual([
    { host: 'acme.com', tenantId: 'acme', primary: false },
    { host: 'shop.acme.com', tenantId: 'acme', primary: true },
  ]);
});

test("the application's own columns are kept", () => {
  type Acme = Tenant & { readonly plan: string };
  expect(parseTenantInput<Acme>({ id: 'acme', plan: 'gold' }, reserved).draft).toMatchObject({ plan: 'gold' });
});

describe('an input is refused', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = new Map();
  const cyclic: Record<string, unknown> = {};
  cyclic.one = cyclic.other = [cyclic];
  test.each<[string, unknown]>([
    ['that is nothing', undefined],
    ['without an id', { name: 'Acme' }],
    ['with a reserved id of the application', { id: 'admin' }],
    ['that sets its status', { id: 'acme', status: 'active' }],
    ['that sets its timestamps', { id: 'acme', createdAt: new Date() }],
    ['with an empty name', { id: 'acme', name: ' ' }],
    ['with a name that is no string', { id: 'acme', name: 7 }],
    ['with a name that PostgreSQL cannot keep', { id: 'acme', name: 'a\0' }],
    ['with a config that PostgreSQL cannot keep', { id: 'acme', config: { a: ['\0'] } }],
    ['with half a character in its config', { id: 'acme', config: { '\ud800': 1 } }],
    ['with a placement that PostgreSQL cannot keep', { id: 'acme', placement: { schema: 'a\0' } }],
    ['with a config that is no object', { id: 'acme', config: 'gold' }],
    ['with a config that is an array', { id: 'acme', config: [] }],
    ['with a function in its config', { id: 'acme', config: { run: () => 1 } }],
    ['with a Date in its config', { id: 'acme', config: { at: new Date() } }],
    ['with a Map in its config', { id: 'acme', config: cycle }],
    ['with a config that contains itself', { id: 'acme', config: cyclic }],
    ['with NaN in its config', { id: 'acme', config: { seats: [Number.NaN] } }],
    ['with a placement that is not of strings', { id: 'acme', placement: { port: 5432 } }],
    ['with an isolation that is no string', { id: 'acme', isolation: 7 }],
    ['that names one domain twice', { id: 'acme', domains: ['acme.com', 'ACME.com'] }],
    ['with two primary domains', { id: 'acme', domains: ['a', 'b'].map((x) => ({ host: `${x}.com`, primary: true })) }],
    ['with domains that are no array', { id: 'acme', domains: 'acme.com' }],
  ])('%s', (_, input) => {
    expect(() => parseTenantInput(input as TenantInput, reserved)).toThrow(refused('TENANT_INVALID'));
  });

  test.each([[null], [7], ['localhost'], [{ host: 'acme.com:80' }]])('with the domain %j', (domain) => {
    const input = { id: 'acme', domains: [domain] } as unknown as TenantInput;
    expect(() => parseTenantInput(input, reserved)).toThrow(refused('DOMAIN_INVALID'));
  });
});

test.each([
  { id: 'b' },
  { isolation: 'row' },
  { createdAt: new Date() },
  { updatedAt: new Date() },
  { name: '' },
  { name: undefined },
  { config: null },
  { placement: { a: 1 } },
  'name',
])('the change %j is refused', (change) => {
  expect(() => parseTenantChange('acme', change as unknown as TenantChange)).toThrow(refused('TENANT_INVALID'));
});

test('a change of what may change is given back', () => {
  const change = {
    name: 'Acme',
    status: 'suspended',
    config: { a: [1, null, 'x', true] },
    placement: { a: 'b' },
  } as const;
  expect(parseTenantChange('acme', change)).toBe(change);
});
