import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { objectStorage } from './object-storage.ts';

const root = await mkdtemp(join(tmpdir(), 'own-resource-'));
const objects = objectStorage(root);
const tenancy = createTenancy({ store: memoryStore(), resources: [objects] });

for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
await Promise.all(
  ['acme', 'beta'].map((id) =>
    tenancy.run(id, async () => {
      await tenancy.use(objects).put('../beta/terms.txt', `The terms of ${id}.`);
      console.log(`${id}: ${await tenancy.use(objects).get('../beta/terms.txt')}`);
    }),
  ),
);
await tenancy.close();
await rm(root, { recursive: true });
