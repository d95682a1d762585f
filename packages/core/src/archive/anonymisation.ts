import type { Tenant } from '../models/tenant.ts';

/** What stands in for a tenant's data in an anonymised archive. `orm.anonymisation()` makes one. */
export interface Anonymisation<T extends Tenant = Tenant> {
  /** The record of the copy. What it does not return is left out; the name is then the id. */
  record(tenant: T): AnonymisedRecord;
  /** What each resource goes by, under its name. A resource without rules is left out of the archive. */
  readonly resources: Readonly<Record<string, unknown>>;
}

/** What an anonymised archive says of its tenant: a name, a config and the application's own columns. */
export interface AnonymisedRecord {
  readonly name?: string | undefined;
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly [column: string]: unknown;
}
