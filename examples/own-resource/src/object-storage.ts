import { constants } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TenantResource } from '@omnitenant/core';
import { defineResource, type ResourceScope } from '@omnitenant/core/extend';

/** The objects of a tenant. A name is any text of up to 120 bytes; it is no path. */
export interface Objects {
  put(name: string, data: string | Uint8Array): Promise<void>;
  get(name: string): Promise<Buffer | undefined>;
  delete(name: string): Promise<void>;
  /** The names that begin with `prefix`, in order. */
  list(prefix?: string): Promise<string[]>;
}

/** Objects in files below `root`, those of each tenant in a folder of its own. */
export function objectStorage(root: string): TenantResource<Objects> {
  // The time tells a tenant from an earlier one of the same id. Ids have no `@` and no `/`, and none is `central`.
  const folderOf = (scope: ResourceScope) =>
    join(root, scope.kind === 'central' ? 'central' : `${scope.tenant.id}@${scope.tenant.createdAt.getTime()}`);

  return defineResource({
    name: 'objects',
    open: (scope) => objectsIn(folderOf(scope)),
    async migrateCentral() {
      await mkdir(join(root, 'central'), { recursive: true });
    },
    async create(tenant) {
      await mkdir(root, { recursive: true });
      await mkdir(folderOf({ kind: 'tenant', tenant }));
    },
    async destroy(tenant) {
      await rm(folderOf({ kind: 'tenant', tenant }), { recursive: true, force: true });
    },
  });
}

let written = 0;

function objectsIn(folder: string): Objects {
  /** The file of an object: its name in hexadecimal digits, so that no name leads anywhere else. */
  async function fileOf(name: string): Promise<string> {
    const digits = Buffer.from(name).toString('hex');
    if (digits.length > 240 || !name.isWellFormed())
      throw new RangeError('A name is well-formed text of up to 120 bytes.');
    await refuseLink(folder);
    return join(folder, `${digits}.object`);
  }

  return {
    async put(name, data) {
      const file = await fileOf(name);
      written += 1;
      const unfinished = join(folder, `${process.pid}-${written}.unfinished`);
      try {
        await writeFile(unfinished, data, { flag: 'wx' });
        await rename(unfinished, file); // takes the place of a link, and does not follow it
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },

    async get(name) {
      const flag = constants.O_RDONLY | constants.O_NOFOLLOW;
      return readFile(await fileOf(name), { flag }).catch(undefinedIfMissing);
    },

    async delete(name) {
      await rm(await fileOf(name), { force: true });
    },

    async list(prefix = '') {
      await refuseLink(folder);
      const files = (await readdir(folder)).filter((file) => file.endsWith('.object'));
      const names = files.map((file) => Buffer.from(file.replace('.object', ''), 'hex').toString());
      return names.filter((name) => name.startsWith(prefix)).sort();
    },
  };
}

/** A link in the place of a tenant's folder would lead out of the tenant. */
async function refuseLink(folder: string): Promise<void> {
  if (!(await lstat(folder)).isDirectory())
    throw new Error('The objects of a tenant must be in a folder, and no link.');
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
