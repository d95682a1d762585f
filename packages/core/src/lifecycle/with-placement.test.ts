import { describe, expect, test } from 'vitest';
import { parseTenantInput } from '../models/tenant-input.ts';
import type { ResourceVerbs } from '../resource.ts';
import { withPlacement } from './with-placement.ts';

describe('a placement', () => {
  const parsed = (input: object) => parseTenantInput({ id: 'acme', ...input }, new Set<string>());
  const orm: ResourceVerbs = {
    name: 'orm',
    open: () => 1,
    place: ({ id, isolation = 'schema' }) => ({ isolation, placement: { schema: `t_${id}` } }),
  };
  const files: ResourceVerbs = {
    name: 'files',
    open: () => 1,
    place: ({ isolation = 'none' }) => ({ isolation, placement: { bucket: 'one' } }),
  };

  test('is what each resource adds to what the one before it said', async () => {
    expect(await withPlacement(parsed({}), [orm, files])).toMatchObject({
      isolation: 'schema',
      placement: { schema: 't_acme', bucket: 'one' },
    });
  });

  test('begins with what was asked for', async () => {
    expect(await withPlacement(parsed({ isolation: 'row', placement: { server: 'eu' } }), [orm])).toMatchObject({
      isolation: 'row',
      placement: { server: 'eu', schema: 't_acme' },
    });
  });

  test('is none where nothing places tenants, and an isolation that was asked for is refused then', async () => {
    expect(await withPlacement(parsed({}), [])).toMatchObject({ isolation: 'none', placement: {} });
    await expect(withPlacement(parsed({ isolation: 'schema' }), [])).rejects.toThrow(
      expect.objectContaining({ code: 'ISOLATION_UNKNOWN', tenant: 'acme' }) as Error,
    );
  });
});
