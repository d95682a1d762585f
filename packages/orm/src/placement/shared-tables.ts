import { quoteName } from '../sql/quote.ts';
import { type OrmPlacement, tenantSetting } from './placement.ts';

/** The column that says which tenant a row belongs to. */
export const tenantColumn = 'tenant_id';

/** SQL for the tenant of the statement, as the pin says; null outside of a tenant, which matches no row. */
export const currentTenant = `nullif(current_setting('${tenantSetting}', true), '')`;

/** SQL that is true for the rows of the statement's tenant. PostgreSQL computes the tenant once for a statement, and finds an index. */
export const ownRows = `${tenantColumn} = (select ${currentTenant})`;

/** The policy that keeps the tenants of a table apart, whatever other policies allow. */
export function tenantPolicy(table: string): string {
  return `create policy omnitenant on ${table} as restrictive using (${ownRows}) with check (${ownRows})`;
}

/** The roles of one shared schema. None of them can log in. */
export interface RowRoles {
  /** Runs the tenants' statements. It owns nothing, and has what it was granted. */
  readonly tenants: string;
  /** Owns the schema and its tables. Migrations run as it, and row-level security does not bind it. */
  readonly owner: string;
  /** Changes rows for one tenant at a time: in migrations and in removals. Policies of the application do not widen or narrow it. */
  readonly changes: string;
  /** Is a member of the others without inheriting from them, so that a login may become them and has none of their rights. */
  readonly login: string;
}

/** The longest name of a role that the other roles' names can be derived from. */
export const longestRole = 55;

export function rowRoles({ role = '' }: Pick<OrmPlacement, 'role'>): RowRoles {
  return { tenants: role, owner: `${role}_owner`, changes: `${role}_changes`, login: `${role}_login` };
}

/** The table that remembers the keys of removed tenants, so that no later tenant gets one of them. */
export const formerTenants = 'omnitenant_former_tenants';

/** The first letters of the tables that stand in for another while a migration refers to it. */
export const standInPrefix = 'omnitenant_stand_in_';

/** The comment that the schema and its roles have. */
export function rowsMark(application: string): string {
  return `omnitenant: rows of ${application}`;
}

/** A table of a placement's schema, quoted. */
export function inSchema({ schema }: Pick<OrmPlacement, 'schema'>, table: string): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}
