import { TenancyError } from '@omnitenant/core';
import type { NativeDatabase } from './native.ts';

/** The handles of one file: one for single statements, and one for each transaction or stream. */
export interface FileHandles {
  main(): NativeDatabase;
  /** A handle that nobody else uses. */
  borrow(): NativeDatabase;
  giveBack(database: NativeDatabase): void;
  /**
   * Refuses what was begun before they were closed: libsql ends the process of whoever uses a handle that is.
   *
   * @throws TENANT_OUTDATED, as `main` and `borrow` do.
   */
  requireOpen(): void;
  close(): void;
}

/** Opens handles of a tenant's file when they are asked for, and keeps one that was given back. */
export function fileHandles(open: () => NativeDatabase, tenant: string): FileHandles {
  let main: NativeDatabase | undefined;
  let spare: NativeDatabase | undefined;
  let isClosed = false;

  function requireOpen(): void {
    if (isClosed) throw closedInUse(tenant);
  }

  return {
    requireOpen,

    main() {
      requireOpen();
      main ??= open();
      return main;
    },

    borrow() {
      requireOpen();
      const database = spare ?? open();
      spare = undefined;
      return database;
    },

    giveBack(database) {
      // A rollback may have failed.
      if (isClosed || spare !== undefined || database.inTransaction) database.close();
      else spare = database;
    },

    close() {
      isClosed = true;
      main?.close();
      spare?.close();
      main = undefined;
      spare = undefined;
    },
  };
}

/** For whoever waits for a file or reads it while it is closed. */
export function closedInUse(tenant: string): TenancyError {
  const message =
    `The file of tenant "${tenant}" was closed while it was used: the tenant was removed or made again, or its tenancy was closed. What waited was ` +
    'not done, and what was read is not whole. Look the tenant up again.';
  return new TenancyError('TENANT_OUTDATED', message, { tenant });
}
