/** How tenants are verified. */
export interface VerifyOptions {
  /** Ids; `*` stands for any characters. Default: every tenant with complete storage. */
  readonly tenants?: readonly string[] | undefined;
  /**
   * Puts right what can be put right without touching a table: what central has recorded, and the names in a log whose tables are those
   * of the code. Default: false, which changes nothing.
   */
  readonly fix?: boolean | undefined;
  /** How many queries of one server run at a time. Default: 4. */
  readonly concurrency?: number | undefined;
}

/** The result of `verify`. Each tenant is counted once. */
export interface VerifyReport {
  /** How many tenants are what their migrations make. */
  readonly well: number;
  /** The others, by what is wrong. */
  readonly groups: readonly VerifiedGroup[];
}

/** Tenants with the same problem. */
export interface VerifiedGroup {
  readonly problem: VerifyProblem;
  /** What is wrong, and what to do. */
  readonly message: string;
  /** What is different in their tables, in words. */
  readonly differences: readonly string[];
  /** Their ids. */
  readonly tenants: readonly string[];
  /** Whether it has been put right. */
  readonly fixed: boolean;
}

/**
 * - `missing`: the schema or database is gone.
 * - `unreachable`: the server could not be asked, or the log of migrations not be read.
 * - `uncompared`: the tables that tenants share could not be compared, because the login may not create roles.
 * - `differs`: the tables differ from those that the tenant's migrations create.
 * - `unrecorded`: the log has other migrations than central has recorded, as after a restore.
 * - `renamed`: the tables are those of the code, and the log has the names of other migrations, as after a squash.
 * - `unknown`: the log has migrations that this code does not have.
 */
export type VerifyProblem = 'missing' | 'unreachable' | 'uncompared' | 'differs' | 'unrecorded' | 'renamed' | 'unknown';
