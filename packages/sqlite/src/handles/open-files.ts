import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { NativeDatabase } from './native.ts';
import type { HandleOptions } from './open-handle.ts';
import { type TenantFile, tenantFile } from './tenant-file.ts';

/** The files that this process has open. */
export interface OpenFiles {
  /**
   * The tenant's file, which opens when it is used. Do not keep it: it may be closed once it is idle. One that is not at its path any
   * more, because another process has removed it or made it again, is closed, and what is open in it is rolled back.
   */
  of(tenant: Tenant): TenantFile;
  /** Closes a tenant's file, also where it is in use. */
  close(tenant: Tenant): void;
  /** Closes the idle files of an id. */
  closeIdle(id: string): void;
  readonly size: number;
  end(): void;
}

export interface OpenFilesOptions extends Pick<HandleOptions, 'unknown'> {
  /** How many files stay open while they are idle. */
  readonly limit: number;
  readonly busyTimeoutMs: number;
  readonly open: (tenant: Tenant) => NativeDatabase;
  /** Tells the file at the tenant's path from an earlier or later one. */
  readonly identityOf: (tenant: Tenant) => string | undefined;
}

/** Keeps the files that were used last, and never closes one in use: there may be more of these than the limit. */
export function openFiles({ limit, busyTimeoutMs, unknown, open, identityOf }: OpenFilesOptions): OpenFiles {
  // In the order of their last use.
  const files = new Map<string, TenantFile>();
  const identities = new WeakMap<TenantFile, string | undefined>();
  let isEnded = false;

  /** The one that was asked for is about to be used. */
  function closeOldest(asked: TenantFile): void {
    for (const [key, file] of files) {
      if (files.size <= limit) return;
      if (file !== asked && !file.isInUse()) closeFile(key, file);
    }
  }

  function closeFile(key: string, file: TenantFile): void {
    files.delete(key);
    file.close();
  }

  return {
    of(tenant) {
      if (isEnded) throw filesClosed(tenant);
      const key = incarnationOf(tenant);
      const known = files.get(key);
      const identity = identityOf(tenant);
      if (known !== undefined && identities.get(known) === identity) {
        files.delete(key);
        files.set(key, known);
        if (files.size > limit) closeOldest(known);
        return known;
      }
      if (known !== undefined) closeFile(key, known);
      const file = tenantFile({ tenant: tenant.id, busyTimeoutMs, unknown, open: () => open(tenant) });
      files.set(key, file);
      identities.set(file, identity);
      if (files.size > limit) closeOldest(file);
      return file;
    },

    close(tenant) {
      const key = incarnationOf(tenant);
      const file = files.get(key);
      if (file !== undefined) closeFile(key, file);
    },

    closeIdle(id) {
      for (const [key, file] of files) if (key.startsWith(`${id}@`) && !file.isInUse()) closeFile(key, file);
    },

    get size() {
      return files.size;
    },

    end() {
      isEnded = true;
      for (const [key, file] of files) closeFile(key, file);
    },
  };
}

function filesClosed({ id }: Tenant): TenancyError {
  return new TenancyError('SERVER_UNAVAILABLE', 'The files of tenants are closed, as their tenancy is.', {
    tenant: id,
  });
}
