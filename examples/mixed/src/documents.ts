import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TenancyError, type Tenant, type TenantResource } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';

/** The documents of a tenant. */
export interface Documents {
  put(name: string, text: string): Promise<void>;
  get(name: string): Promise<string | undefined>;
  list(): Promise<string[]>;
}

/** A resource of the application's own: a folder of documents for each tenant. */
export function documentsIn(root: string): TenantResource<Documents> {
  // The time tells a tenant from an earlier one of the same id.
  const folderOf = ({ id, createdAt }: Tenant) => join(root, `${id}@${createdAt.getTime()}`);

  return defineResource({
    name: 'documents',
    open(scope) {
      if (scope.kind === 'central') throw new TenancyError('NOT_IN_TENANT', 'Documents are kept for tenants only.');
      return documentsOf(folderOf(scope.tenant));
    },
    async create(tenant) {
      await mkdir(folderOf(tenant), { recursive: true });
    },
    async destroy(tenant) {
      await rm(folderOf(tenant), { recursive: true, force: true });
    },
  });
}

function documentsOf(folder: string): Documents {
  // Encoded and with an ending, no name leads out of the folder.
  const fileOf = (name: string) => join(folder, `${encodeURIComponent(name)}.txt`);
  return {
    put: (name, text) => writeFile(fileOf(name), text),
    get: (name) =>
      readFile(fileOf(name), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      }),
    list: async () => (await readdir(folder)).map((file) => decodeURIComponent(file.slice(0, -'.txt'.length))).sort(),
  };
}
