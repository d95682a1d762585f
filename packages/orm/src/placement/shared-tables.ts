import { quoteName } from '../sql/quote.ts';
import { type OrmPlacement, tenantSetting } from './placement.ts';

/** The column that says which tenant a row belongs to. */
export const tenantColumn = 'tenant_id';

/** SQL for the tenant of the statement, as the pin says; null outside of a tenant, which matches no row. */
export const currentTenant = `nullif(current_setting('${tenantSetting}', true), '')`;

/** The setting with which the pin proves the tenant, where tenants that share tables have a login of their own. */
export const proofSetting = 'omnitenant.proof';

/** The function of a shared schema that gives the statement's tenant, and fails where its proof is wrong. */
export const verifiedTenant = 'omnitenant_tenant';

/** The function of a shared schema that gives the tenant whose rows a statement writes, and fails where that one was removed. */
export const writingTenant = 'omnitenant_writing_tenant';

/** The table of the secrets that proofs are made with, which nobody but the schema's owner reads. */
export const secretsTable = 'omnitenant_secrets';

/** SQL that is true for the rows that a statement may see, and for those that it may write. */
export interface OwnRows {
  readonly seen: string;
  readonly written: string;
}

/** PostgreSQL computes the tenant once for a statement, and finds an index. */
export function ownRows(schema: string, verifies: boolean): OwnRows {
  const given = (name: string) => `${quoteName(schema)}.${name}()`;
  const ofTenant = (tenant: string) => `${tenantColumn} = (select ${tenant})`;
  return { seen: ofTenant(verifies ? given(verifiedTenant) : currentTenant), written: ofTenant(given(writingTenant)) };
}

/** The policy that keeps the tenants of a table apart, whatever other policies allow. */
export function tenantPolicy(table: string, { seen, written }: OwnRows): string {
  return `create policy omnitenant on ${table} as restrictive using (${seen}) with check (${written})`;
}

/** The roles of one shared schema. */
export interface RowRoles {
  /** Runs the tenants' statements. It owns nothing, and has what it was granted. With the option `rows` it can log in; no other can. */
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
