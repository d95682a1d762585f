import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { AdminSession } from '../central/admin.ts';
import { type Login, openWire, type ServerOptions } from '../sessions/wire.ts';
import { quoteGranted, quoteName, quoteText, quoteUser } from '../sql/quote.ts';
import { type Logins, passwordHash } from './logins.ts';
import { markOf } from './names.ts';

/** Makes and destroys what each tenant has on the server: a database, and the user that reaches it and no other. */
export interface TenantStorage {
  /** @throws PROVISION_FAILED, and leaves nothing. */
  create(tenant: Tenant): Promise<void>;
  /** Makes the user and its password as they have to be, as after the secret was changed. */
  renewLogin(tenant: Tenant): Promise<void>;
  /** Whether there is a database with the tenant's mark. */
  exists(tenant: Tenant): Promise<boolean>;
  /** @throws REMOVE_FAILED for a database without the tenant's mark. */
  destroy(tenant: Tenant): Promise<void>;
  storageBytes(tenants: readonly Tenant[]): Promise<ReadonlyMap<string, number>>;
}

export interface TenantStorageOptions {
  readonly admin: AdminSession;
  readonly server: ServerOptions;
  readonly logins: Logins;
  /** Where the users may log in from. */
  readonly host: string;
  /** The name of the application, which is that of central's database. */
  readonly application: string;
}

/** What a tenant's own code and its migrations do in its database. None reaches out of it, and none can be passed on. */
const granted =
  'select, insert, update, delete, create, drop, references, index, alter, create temporary tables, lock tables, execute, create view, ' +
  'show view, create routine, alter routine, trigger';

export function tenantStorage({ admin, server, logins, host, application }: TenantStorageOptions): TenantStorage {
  async function markIn(database: string): Promise<string | undefined> {
    const row = await admin.get<{ mark: string }>(
      'select schema_comment as mark from information_schema.schemata where schema_name = ?',
      database,
    );
    return row?.mark;
  }

  async function makeUser({ user, password, database }: Login): Promise<void> {
    const name = quoteUser(user, host);
    const identified = `identified by password ${quoteText(passwordHash(password))}`;
    await admin.run(`create user if not exists ${name} ${identified}`);
    await admin.run(`alter user ${name} ${identified}`);
    await admin.run(`grant ${granted} on ${quoteGranted(database)}.* to ${name}`);
  }

  async function destroy(tenant: Tenant): Promise<void> {
    const { user, database } = logins.of(tenant);
    const mark = await markIn(database);
    if (mark !== undefined && mark !== markOf(application, tenant)) throw notOurs(tenant, database);
    await admin.run(`drop user if exists ${quoteUser(user, host)}`);
    // A session goes on without its user, and a transaction in it would be waited for. To end it is a privilege of its own.
    await admin.run(`kill hard connection user ${quoteText(user)}`).catch(() => {});
    await admin.run(`drop database if exists ${quoteName(database)}`);
  }

  return {
    async create(tenant) {
      const login = logins.of(tenant);
      if ((await markIn(login.database)) !== undefined) throw isThere(tenant, login.database);
      const mark = quoteText(markOf(application, tenant));
      await admin.run(`create database ${quoteName(login.database)} character set utf8mb4 comment ${mark}`);
      try {
        await makeUser(login);
        await requireWall(server, login);
      } catch (error) {
        await destroy(tenant);
        throw error;
      }
    },

    async renewLogin(tenant) {
      const login = logins.of(tenant);
      if ((await markIn(login.database)) !== markOf(application, tenant)) throw gone(tenant);
      await makeUser(login);
      await requireWall(server, login);
    },

    exists: async (tenant) => (await markIn(logins.of(tenant).database)) === markOf(application, tenant),
    destroy,

    async storageBytes(tenants) {
      const databases = new Map(tenants.map((tenant) => [logins.of(tenant).database, incarnationOf(tenant)]));
      if (databases.size === 0) return new Map();
      const rows = await admin.all<{ name: string; bytes: number }>(
        `select table_schema as name, sum(data_length + index_length) as bytes from information_schema.tables
         where table_schema in (?) group by table_schema`,
        [...databases.keys()],
      );
      return new Map(rows.map(({ name, bytes }) => [databases.get(name) as string, bytes]));
    },
  };
}

/**
 * Looks at the server as the tenant's user does, before anybody is let in: it must be that user, and see no other database. What was granted
 * to everybody, or an anonymous user that comes first, would be a hole that the grants of the user do not show.
 */
async function requireWall(server: ServerOptions, login: Login): Promise<void> {
  const wire = await openWire(server, login, () => {});
  try {
    const { result } = await wire.query(
      'select current_user() as user, schema_name as name, (select count(*) from information_schema.user_privileges ' +
        "where privilege_type <> 'USAGE') as privileges from information_schema.schemata",
    );
    const rows = result.rows as { user: string; name: string; privileges: number }[];
    const foreign = rows.map(({ name }) => name).filter((name) => name !== login.database && !ownToAll.has(name));
    const isOther = rows.some(({ user }) => !user.startsWith(`${login.user}@`));
    if (foreign.length === 0 && !isOther && Number(rows[0]?.privileges) === 0) return;
    throw hasHole(
      login,
      isOther ? 'logs in as another user' : `has rights outside its database (${foreign.join(', ') || 'global'})`,
    );
  } finally {
    wire.close();
  }
}

/** Where each user sees what it may see elsewhere. */
const ownToAll: ReadonlySet<string> = new Set(['information_schema']);

function hasHole({ tenant }: Login, what: string): TenancyError {
  const message =
    `The user of tenant "${tenant}" ${what}. Drop anonymous users, and revoke what is granted to everybody: "select * from mysql.db where user = ''" ` +
    'and "show grants for public" show it.';
  return new TenancyError('PROVISION_FAILED', message, { tenant });
}

function isThere({ id }: Tenant, database: string): TenancyError {
  const message = `The database "${database}" of tenant "${id}" is there already, and is not taken over. Repair the tenant, or rename the database.`;
  return new TenancyError('PROVISION_FAILED', message, { tenant: id });
}

function notOurs({ id }: Tenant, database: string): TenancyError {
  const message = `The database "${database}" does not have the mark of tenant "${id}" in its comment, and is not dropped. Drop it yourself if it is not needed.`;
  return new TenancyError('REMOVE_FAILED', message, { tenant: id });
}

function gone({ id }: Tenant): TenancyError {
  const message = `Tenant "${id}" has no database any more: it was removed, or its database was renamed. Look the tenant up again.`;
  return new TenancyError('TENANT_OUTDATED', message, { tenant: id });
}
