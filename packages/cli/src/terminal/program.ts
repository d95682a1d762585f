import type { Command } from '@commander-js/extra-typings';

/** The command `omnitenant`, to which each command adds itself. */
export type Program = Command<[], CommonOptions>;

/** The options that every command has. */
export type CommonOptions = {
  readonly config?: string | undefined;
  readonly env?: string | undefined;
  /** The module that Node is to load first. */
  readonly import?: string | undefined;
  readonly verbose?: true | undefined;
  /** Prints only results that were asked for, and errors. */
  readonly quiet?: true | undefined;
  /** `false` forbids prompts. */
  readonly input: boolean;
};
