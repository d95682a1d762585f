import type { SqlClient } from '../sql/client.ts';
import { rowOf } from './pooler-probe.ts';

/** What the server says of itself. */
export interface ServerFacts {
  readonly version: string;
  readonly maxConnections: number;
  /** How many connections an ordinary role could still open on the server. */
  readonly connectionsLeft: number;
  /** A standby, which takes no writes. */
  readonly readOnly: boolean;
  /** What the server writes to its log: with `logical`, tenants can be written to while they are moved. */
  readonly walLevel: string;
}

/** What the role may do that the configuration connects as. */
export interface RoleFacts {
  readonly name: string;
  /** Row-level security does not bind a superuser: only the pin keeps tenants of isolation `row` apart. */
  readonly superuser: boolean;
  readonly bypassesRowSecurity: boolean;
  readonly mayCreateSchemas: boolean;
  readonly mayCreateDatabases: boolean;
  readonly mayCreateRoles: boolean;
}

export async function probeServer(client: SqlClient): Promise<ServerFacts> {
  const row = await rowOf(
    client,
    `select current_setting('server_version') as version, current_setting('max_connections')::int as max,
       current_setting('superuser_reserved_connections')::int as reserved,
       (select sum(numbackends)::int from pg_stat_database) as used, pg_is_in_recovery() as recovery,
       current_setting('wal_level') as "walLevel"`,
  );
  const maxConnections = Number(row.max);
  return {
    version: String(row.version),
    maxConnections,
    connectionsLeft: Math.max(maxConnections - Number(row.reserved) - Number(row.used), 0),
    readOnly: row.recovery === true,
    walLevel: String(row.walLevel),
  };
}

export async function probeRole(client: SqlClient): Promise<RoleFacts> {
  const row = await rowOf(
    client,
    `select rolname as name, rolsuper as superuser, rolbypassrls as bypass, rolcreatedb as databases, rolcreaterole as roles,
       has_database_privilege(current_database(), 'create') as schemas
     from pg_roles where rolname = current_user`,
  );
  const superuser = row.superuser === true;
  return {
    name: String(row.name),
    superuser,
    bypassesRowSecurity: superuser || row.bypass === true,
    mayCreateSchemas: row.schemas === true,
    mayCreateDatabases: superuser || row.databases === true,
    mayCreateRoles: superuser || row.roles === true,
  };
}
