import type { Tenant, TenantStatus } from '../models/tenant.ts';

/** Which tenants a page has. */
export interface TenantQuery {
  readonly id?: string | undefined;
  /** Part of an id, a name or a host, in any case. */
  readonly search?: string | undefined;
  readonly status?: TenantStatus | undefined;
  readonly isolation?: string | undefined;
  /** The server of the placement. */
  readonly server?: string | undefined;
  /** The version, as `counts` names it. */
  readonly version?: string | undefined;
  /** The id after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A tenant that was found, with the last migration that the store has recorded of it: `''` if it does not know. */
export interface FoundTenant<T extends Tenant = Tenant> {
  readonly tenant: T;
  readonly version: string;
}

/** How many tenants have the same status, isolation, server and version. */
export interface TenantCount {
  readonly status: TenantStatus;
  readonly isolation: string;
  readonly server: string;
  readonly version: string;
  readonly tenants: number;
}

/** Looks at many tenants without reading all of them, as an operator does. */
export interface TenantSearch<T extends Tenant = Tenant> {
  /** Tenants in the order of their ids. */
  page(query: TenantQuery): Promise<readonly FoundTenant<T>[]>;
  counts(): Promise<readonly TenantCount[]>;
}
