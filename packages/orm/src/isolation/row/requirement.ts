import type { RowRoles } from '../../placement/shared-tables.ts';

/** Something that a shared schema lacks, in words, and the SQL with which its owner adds it. */
export interface Requirement {
  /** The object, as PostgreSQL names it. */
  readonly on: string;
  readonly fault: string;
  /** Whether a tenant can reach what it must not, until then. */
  readonly open: boolean;
  /** The SQL by the stage that it belongs to; none where somebody has to decide. */
  readonly steps: readonly Step[];
  /** The SQL that somebody else than the owner has to run, or to decide on. */
  readonly remedy?: string | undefined;
}

/** Foreign keys go before the keys that they lean on are replaced, and come back after. */
export interface Step {
  readonly stage: 'column' | 'drop' | 'key' | 'reference' | 'rights';
  readonly sql: string;
}

/** Which application's schema it is, and what in it is no table of tenants. */
export interface Expectation {
  readonly schema: string;
  readonly roles: RowRoles;
  /** The table that migrations are logged in. */
  readonly logTable: string;
  /** Whether the tenants' role is to log in by itself, so that its tenants have to be verified. */
  readonly hasLogin?: boolean | undefined;
  /** The tables that a migration refers to now, by the number of what stands in for each. */
  readonly standIns?: ReadonlyMap<number, StandIn> | undefined;
}

/** A table that a foreign key is to refer to. */
export interface StandIn {
  readonly table: string;
  readonly notValid: boolean;
}
