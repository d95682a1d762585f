import { expect, test } from 'vitest';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';
import { logFields } from './log-fields.ts';

test('log lines name the tenant that they are written in, also when several write at once', async () => {
  const tenancy = createTenancy({ store: memoryStore() });
  for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
  const lines = await Promise.all(
    ['acme', 'beta'].map((id) =>
      tenancy.run(id, async () => {
        await Promise.resolve();
        return [logFields(), await tenancy.central(logFields), logFields()];
      }),
    ),
  );
  expect(lines).toEqual(['acme', 'beta'].map((tenant) => [{ tenant }, {}, { tenant }]));
  expect(logFields()).toEqual({});
});

test('each line has fields of its own, which the logger may add to', async () => {
  const tenancy = createTenancy({ store: memoryStore() });
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', () => {
    Object.assign(logFields(), { message: 'one' });
    expect(logFields()).toEqual({ tenant: 'acme' });
  });
});
