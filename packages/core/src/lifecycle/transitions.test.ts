import { expect, test } from 'vitest';
import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { migratable, requireStatus, transitions } from './transitions.ts';

const acme = { id: 'acme' } as Tenant;

test('no verb leads out of provisioning except to active or failed, or to maintenance without migrations', () => {
  const out = Object.entries(transitions).filter(([, { from }]) => from.includes('provisioning'));
  expect(out.map(([verb]) => verb)).toEqual(['activate', 'hold', 'fail', 'reclaim']);
});

test('every status that can be reached can be removed, once it is out of provisioning', () => {
  const reached = Object.values(transitions).map(({ to }) => to);
  expect(reached.filter((status) => !transitions.remove.from.includes(status))).toEqual([]);
});

test('a status that a verb is not for is refused by name', () => {
  expect(() => requireStatus({ ...acme, status: 'removing' }, migratable)).toThrow(TenancyError);
  expect(() => requireStatus({ ...acme, status: 'removing' }, migratable)).toThrow(/"acme" is in status "removing"/);
  expect(() => requireStatus({ ...acme, status: 'suspended' }, migratable)).not.toThrow();
});
