import type { MoveTarget } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { open, writing } from './fixtures/moving.ts';

test.each([
  ['schema', { isolation: 'database' }],
  ['row', { isolation: 'schema' }],
  ['database', { placement: { server: 'eu', database: 'elsewhere' } }],
] as [string, MoveTarget][])(
  'nothing that was acknowledged is lost or doubled when a tenant of isolation %s is moved while processes write, and reads go on',
  async (isolation, target) => {
    await using database = await plainDatabase();
    await using app = await open(database);
    await using other = await open(database);
    await app.tenants.create({ id: 'acme', isolation });
    const placement = target.placement && { ...target.placement, database: `${database.name}_elsewhere` };
    const { acknowledged, refused, reads } = await writing([app, other], () =>
      app.tenants.move('acme', { ...target, placement }),
    );
    expect(await other.authors('acme')).toEqual(acknowledged);
    expect([...refused].filter((code) => !['TENANT_MOVING', 'TENANT_OUTDATED'].includes(code))).toEqual([]);
    expect(refused).toContain('TENANT_MOVING');
    expect(reads).toBeGreaterThan(10);
  },
);
