import { createTenancy, memoryStore } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import { expect, test } from 'vitest';
import { counted } from './counted.ts';

test('counts a statement during which the counts so far were written', async () => {
  await using tenancy = createTenancy({ store: memoryStore(), usage: {} });
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', () =>
    counted(currentScope(), async () => {
      await tenancy.usage();
      return { rows: [{}, {}] };
    }),
  );
  expect(await tenancy.usage()).toMatchObject([{ tenant: 'acme', statements: 1, rows: 2 }]);
});
