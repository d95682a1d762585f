import { defineConfig } from '@mikro-orm/postgresql';
import { resource } from '@omnitenant/core/extend';
import { expect, test } from 'vitest';
import { createOrm } from '../orm.ts';
import { type ConnectionLimits, limitsOf } from './limits.ts';

const config = defineConfig({ dbName: 'none', entities: [] });

test.each<[unknown, string]>([
  [{ max: 0 }, 'connections has the max 0'],
  [{ max: 1.5 }, 'connections has the max 1.5'],
  [{ max: '20' }, 'connections has the max 20'],
  [{ max: Number.POSITIVE_INFINITY }, 'connections has the max Infinity'],
  [{ maxWaiting: -1 }, 'connections has the maxWaiting -1'],
  [{ waitMs: 0 }, 'connections has the waitMs 0'],
  [{ idleMs: 2 ** 31 }, 'connections has the idleMs'],
  [{ lifetimeMs: Number.NaN }, 'connections has the lifetimeMs NaN'],
  [{ maxPipelined: 0 }, 'connections has the maxPipelined 0'],
  [{ maxPipelined: Number.POSITIVE_INFINITY }, 'connections has the maxPipelined Infinity'],
  [{ size: 20 }, 'connections has no option "size"'],
])('limits that cannot be meant are refused at start: %j', async (connections, message) => {
  const refusal = { code: 'CONFIG_INVALID', message: expect.stringContaining(message) };
  await expect(createOrm(config, { connections: connections as ConnectionLimits })).rejects.toMatchObject(refusal);
  const servers = { eu: { host: 'eu', connections: connections as ConnectionLimits } };
  await expect(createOrm(config, { servers })).rejects.toMatchObject({
    ...refusal,
    message: expect.stringContaining(`servers.eu.${message}`),
  });
});

test('the first to say something of a limit decides it, and what nobody says has a default', () => {
  expect(limitsOf({ max: 5 }, { max: 9, idleMs: 7 }, undefined, { idleMs: 1, waitMs: 3 })).toEqual({
    max: 5,
    maxPerTenant: Number.POSITIVE_INFINITY,
    maxWaiting: 1_000,
    waitMs: 3,
    idleMs: 7,
    lifetimeMs: 1_800_000,
    maxSchemas: 500,
    maxPipelined: 4,
    closeMs: 10_000,
  });
});

test('no limit on the lifetime may be asked for', async () => {
  const connections = { lifetimeMs: Number.POSITIVE_INFINITY, maxSchemas: Number.POSITIVE_INFINITY, maxWaiting: 0 };
  await (await createOrm(config, { connections }))[resource].end?.();
});

test.each([
  ['onCreateConnection', { onCreateConnection: async () => {} }],
  ['onReserveConnection', { onReserveConnection: async () => {} }],
  ['sessionContext', { sessionContext: 'connection' as const }],
])(
  '%s of the MikroORM configuration, which would not be called for tenants, is refused at start',
  async (name, hook) => {
    await expect(createOrm({ ...config, ...hook })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(name),
    });
  },
);
