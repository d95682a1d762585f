import { randomBytes } from 'node:crypto';
import { pgbouncer, postgres } from '@omnitenant/tooling/services';
import { Client, escapeIdentifier } from 'pg';
import { openRun } from '../../tooling/run.ts';
import type { Isolation } from './options.ts';
import { openTenancy, poolMax } from './tenancy.ts';
import { bodyOf, ddl, hostOf, insertUsers, tenantId, usersPerTenant } from './workload.ts';

/** A PostgreSQL server, and what the benchmarks make there, which is gone afterwards. */
export interface Site extends AsyncDisposable {
  readonly version: string;
  /** An empty database, owned by a role that is no superuser: row-level security does not bind those. */
  createDatabase(): Promise<SiteDatabase>;
}

export interface SiteDatabase {
  /** As its owner, who may create databases. */
  readonly url: string;
  /** What names of further databases begin with. */
  readonly prefix: string;
  /** The login of tenants that share tables. */
  readonly rows?: { readonly password: string; readonly keys: string };
}

/** The name of the database that a URL leads to. */
export const databaseNameOf = (url: string): string => new URL(url).pathname.slice(1);

/** A request, and what has to be answered to it. */
export interface Target {
  readonly host: string;
  readonly path: string;
  readonly body: string;
}

/** Opens the server: `DATABASE_URL`, else one on this machine, else one of our own. Sweeps what killed runs left. */
export async function openSite(): Promise<Site> {
  const server = await postgres();
  const run = await openRun({ url: server.url, exclusive: false });
  const admin = new Client({ connectionString: server.url });
  const role = `${run.prefix}bench`;
  async function end(): Promise<void> {
    await admin.end();
    await run.end();
    await server.stop();
  }
  async function begin(): Promise<string | undefined> {
    await admin.connect();
    await admin.query(`create role ${escapeIdentifier(role)} login createdb createrole password 'bench'`);
    const { rows } = await admin.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version;
  }
  const version = await begin().catch((error: unknown) => end().then(() => Promise.reject(error)));
  return {
    version: version ?? '?',
    async createDatabase() {
      const prefix = `${run.prefix}${randomBytes(2).toString('hex')}_`;
      const name = `${prefix}bench`;
      await admin.query(`create database ${escapeIdentifier(name)} template template0`);
      await admin.query(`alter database ${escapeIdentifier(name)} owner to ${escapeIdentifier(role)}`);
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      url.username = role;
      url.password = 'bench';
      return { url: url.href, prefix };
    },
    async [Symbol.asyncDispose]() {
      const made = await admin.query<{ name: string }>(
        'select datname as name from pg_database where starts_with(datname, $1)',
        [run.prefix],
      );
      for (const { name } of made.rows) {
        await admin.query(`alter database ${escapeIdentifier(name)} is_template false`);
        await admin.query(`drop database ${escapeIdentifier(name)} with (force)`);
      }
      // Those that the application has made go first, as PostgreSQL 16 and later ask for.
      const roles = await admin.query<{ name: string }>(
        'select rolname as name from pg_roles where starts_with(rolname, $1) order by rolname = $2',
        [run.prefix, role],
      );
      for (const { name } of roles.rows) await admin.query(`drop role ${escapeIdentifier(name)}`);
      await end();
    },
  };
}

/** The same database behind a PgBouncer in transaction mode, with as many connections to it as a server has. */
export async function throughPgBouncer(
  database: SiteDatabase,
): Promise<{ readonly database: SiteDatabase } & AsyncDisposable> {
  const { url, stop } = await pgbouncer({ upstream: database.url, poolSize: poolMax });
  return { database: { ...database, url }, [Symbol.asyncDispose]: stop };
}

/** The schema that the server without tenancy reads. */
const plainSchema = 'plain';

export interface Population {
  readonly isolation: Isolation;
  readonly tenants: number;
  readonly signal: AbortSignal;
}

/**
 * Makes the tenants through the registry, each with users of its own, and one schema for the server without tenancy.
 * Gives the requests for each tenant.
 */
export async function populate(database: SiteDatabase, { isolation, tenants, signal }: Population): Promise<Target[]> {
  const { tenancy, orm } = await openTenancy(database);
  try {
    await tenancy.migrateCentral();
    const targets: Target[] = [];
    for (let n = 1; n <= tenants; n += 1) {
      signal.throwIfAborted();
      const id = tenantId(n);
      // Where tenants share a table, they share its keys.
      const user = isolation === 'row' ? (n - 1) * usersPerTenant + 1 : 1;
      await tenancy.tenants.create({ id, isolation, domains: [hostOf(id)] });
      await tenancy.run(id, () => orm.em.execute(insertUsers(id, user)));
      targets.push({ host: hostOf(id), path: user === 1 ? '/u' : `/u?id=${user}`, body: bodyOf(id, user) });
    }
    await makePlain(database.url, isolation === 'row' ? tenants * usersPerTenant : usersPerTenant);
    return targets;
  } finally {
    await tenancy.close();
  }
}

/** What the server without tenancy answers to the same requests. */
export function withoutTenancy(targets: readonly Target[]): Target[] {
  return targets.map(({ host, path, body }) => ({ host, path, body: bodyOf(plainSchema, JSON.parse(body).id) }));
}

async function makePlain(url: string, users: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create schema ${plainSchema}; set search_path to ${plainSchema}`);
    for (const { statements } of ddl) await client.query(statements.join(';'));
    await client.query(insertUsers(plainSchema, 1, users));
    await client.query('vacuum analyze');
    await client.query(`alter database ${escapeIdentifier(databaseNameOf(url))} set search_path to ${plainSchema}`);
  } finally {
    await client.end();
  }
}
