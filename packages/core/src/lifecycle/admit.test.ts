import { describe, expect, test } from 'vitest';
import type { TenancyError } from '../errors/errors.ts';
import type { Tenant, TenantStatus } from '../models/tenant.ts';
import { admit } from './admit.ts';

const at = new Date(0);
function tenant(status: TenantStatus): Tenant {
  return {
    id: 'acme',
    name: 'Acme',
    status,
    isolation: 'none',
    placement: {},
    config: {},
    createdAt: at,
    updatedAt: at,
  };
}

describe('at every door', () => {
  test('an active tenant is let in', () => {
    const active = tenant('active');
    expect(admit(active, 'acme')).toBe(active);
  });

  test.each<[TenantStatus, string, number]>([
    ['suspended', 'TENANT_SUSPENDED', 403],
    ['maintenance', 'TENANT_MAINTENANCE', 503],
    ['archived', 'TENANT_ARCHIVED', 410],
    ['provisioning', 'TENANT_UNKNOWN', 404],
    ['failed', 'TENANT_UNKNOWN', 404],
    ['removing', 'TENANT_UNKNOWN', 404],
  ])('a tenant that is %s is refused with %s', (status, code, http) => {
    expect(() => admit(tenant(status), 'acme')).toThrow(
      expect.objectContaining({ code, status: http, tenant: 'acme' }) as Error,
    );
  });

  test('a tenant under maintenance says when to try again', () => {
    expect(() => admit(tenant('maintenance'), 'acme')).toThrow(
      expect.objectContaining({ headers: { 'Retry-After': '60' } }) as Error,
    );
  });

  test('one that is being made looks to a caller exactly like one that is not there', async () => {
    const bodies = [tenant('provisioning'), tenant('failed'), undefined].map((one) => {
      try {
        throw admit(one, 'acme');
      } catch (error) {
        return error as TenancyError;
      }
    });
    const seen = await Promise.all(bodies.map(async (error) => (await error.getResponse().text()) + error.status));
    expect(new Set(seen).size).toBe(1);
  });
});
