import type { NativeDatabase } from './native.ts';

/** The handles of one file: one for single statements, and one for each transaction or stream. */
export interface FileHandles {
  main(): NativeDatabase;
  /** A handle that nobody else uses. */
  borrow(): NativeDatabase;
  giveBack(database: NativeDatabase): void;
  close(): void;
}

/** Opens handles when they are asked for, and keeps one that was given back. */
export function fileHandles(open: () => NativeDatabase): FileHandles {
  let main: NativeDatabase | undefined;
  let spare: NativeDatabase | undefined;

  return {
    main() {
      main ??= open();
      return main;
    },

    borrow() {
      const database = spare ?? open();
      spare = undefined;
      return database;
    },

    giveBack(database) {
      if (spare === undefined) spare = database;
      else database.close();
    },

    close() {
      main?.close();
      spare?.close();
      main = undefined;
      spare = undefined;
    },
  };
}
