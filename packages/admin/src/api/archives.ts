import { randomUUID } from 'node:crypto';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import type { AdminArchives } from '../admin-archives.ts';
import { ProblemError } from '../problem.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { tenantOperations } from './tenant-operations.ts';

/** Tenants to archives and back. The bytes go between the tenancy and the application; operators see names and digests. */
export function archiveHandlers({
  tenancy: { tenants },
  orm,
  archives,
  operations,
}: ApiParts): Handlers<'exportTenant' | 'importTenant' | 'restoreTenant' | 'eraseTenant'> {
  const { begin, beginOn } = tenantOperations(orm, operations);

  return {
    async exportTenant(call) {
      const { write } = required(archives);
      return beginOn('export', call, async (id) => {
        const archive = nameFor(id);
        await writeWhole(id, await tenants.export(id), (bytes) => write(archive, bytes));
        return { result: { archive } };
      });
    },

    async eraseTenant(call) {
      const { write } = required(archives);
      return beginOn('erase', call, async (id) => {
        const name = nameFor(id);
        const { archive: digest, ...proof } = await tenants.erase(id, (bytes) => write(name, bytes));
        return { result: { ...proof, archive: name, digest } };
      });
    },

    async restoreTenant(call) {
      const { read, write } = required(archives);
      return beginOn('restore', call, async (id) => {
        let kept: string | undefined;
        const keep = async (bytes: ReadableStream<Uint8Array>) => {
          const name = nameFor(id);
          await write(name, bytes);
          kept = name;
        };
        await tenants
          .restore(id, () => read(call.body.archive), keep)
          .catch((error: unknown) => Promise.reject(kept === undefined ? error : naming(kept, error)));
        return { result: { archive: kept ?? null } };
      });
    },

    async importTenant(call) {
      const { read } = required(archives);
      const { id, archive, isolation, placement } = call.body;
      return begin('import', id, call, async () => {
        await tenants.import(await read(archive), { as: id, isolation, placement });
        return {};
      });
    },
  };
}

/** @throws ARCHIVES_MISSING */
function required(archives: AdminArchives | undefined): AdminArchives {
  if (archives) return archives;
  throw new ProblemError('ARCHIVES_MISSING', 'There is no place for archives; give createAdmin the option "archives".');
}

/** The error of a restoration that has failed, with the archive of what the tenant had. */
function naming(kept: string, error: unknown): unknown {
  if (!isTenancyError(error)) return error;
  const { code, message, tenant, cause } = error;
  return new TenancyError(code, `${message} What it had is in the archive "${kept}".`, { tenant, cause });
}

function nameFor(id: string): string {
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
  return `${id}.${time}.${randomUUID().slice(0, 8)}.tar.zst`;
}

/** Has an archive written, and ends it where that fails: while it is read, the tenant's other verbs wait. */
async function writeWhole(
  id: string,
  bytes: ReadableStream<Uint8Array>,
  write: (bytes: ReadableStream<Uint8Array>) => Promise<void>,
): Promise<void> {
  const given = new AbortController();
  let isWhole = false;
  const flush = () => {
    isWhole = true;
  };
  try {
    await write(bytes.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush }), given));
  } finally {
    given.abort();
  }
  if (isWhole) return;
  const message = `The archive of tenant "${id}" was not read to its end, so what was written is not complete.`;
  throw new TenancyError('EXPORT_FAILED', message, { tenant: id });
}
