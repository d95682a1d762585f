import { randomBytes } from 'node:crypto';
import { TenancyError, type Tenant } from '@omnitenant/core';
import type { LendOptions, LentLogin } from '../central/credentials.ts';
import type { Pools } from '../connections/pools.ts';
import type { ServerAddress } from '../connections/server-address.ts';
import { placementOf, sharesTables } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { scramVerifier } from './scram-verifier.ts';

/** What a login is lent on. */
export interface LendingParts {
  readonly pools: Pools;
  /** The schema that extensions are in. */
  readonly extensions: string;
  /** Where the server of a database listens, and whether with TLS. */
  readonly addressOf: (database: Database) => Promise<ServerAddress>;
}

/** For how long the password of a login is accepted. Sessions go on. */
const acceptedFor = '5 minutes';
const prefix = 'omnitenant_lent_';

/**
 * Makes a login of PostgreSQL that reads and writes the rows of one tenant, and reaches nothing else: it is granted that tenant's tables, and
 * is a member of no role. What an ended process has left is removed with the next one.
 */
export async function lendLogin(parts: LendingParts, tenant: Tenant, options: LendOptions): Promise<LentLogin> {
  const placement = placementOf(tenant);
  if (sharesTables(tenant)) throw sharesWithOthers(tenant);
  const { host, port, tls } = await parts.addressOf(placement);
  const name = `${prefix}${randomBytes(8).toString('hex')}`;
  const password = randomBytes(24).toString('base64url');
  await sweep(parts.pools, placement);
  try {
    await parts.pools.query(placement, createSql(parts, placement, { name, password, ...options }));
  } catch (error) {
    throw codeOf(error) === sqlState.insufficientPrivilege ? mayNot(tenant, error) : error;
  }
  async function end(): Promise<void> {
    await parts.pools.query(placement, dropSql(name));
  }
  return {
    env: {
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: placement.database,
      PGUSER: name,
      PGPASSWORD: password,
      ...(tls && { PGSSLMODE: process.env.PGSSLMODE ?? 'require' }),
    },
    end,
    [Symbol.asyncDispose]: end,
  };
}

function createSql(
  { extensions }: LendingParts,
  { schema, role }: ReturnType<typeof placementOf>,
  { name, password, readOnly = false }: LendOptions & { readonly name: string; readonly password: string },
): string {
  const login = quoteName(name);
  const all = `in schema ${quoteName(schema)} to ${login}`;
  return [
    `create role ${login} login nosuperuser nocreatedb nocreaterole noreplication connection limit 5 password ${quoteText(scramVerifier(password))}`,
    `do $omnitenant$ begin execute format('alter role ${login} valid until %L', now() + interval '${acceptedFor}'); end $omnitenant$`,
    `grant ${login} to current_user`,
    `alter role ${login} set search_path to ${quoteName(schema)}, ${quoteName(extensions)}`,
    // What is granted is the owner's to grant.
    ...(role === undefined ? [] : [`set local role ${quoteName(role)}`]),
    `grant usage on schema ${quoteName(schema)} to ${login}`,
    `grant ${readOnly ? 'select' : 'select, insert, update, delete'} on all tables ${all}`,
    `grant ${readOnly ? 'select' : 'usage, select'} on all sequences ${all}`,
  ].join(';\n');
}

function dropSql(name: string): string {
  const login = quoteName(name);
  return [
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = ${quoteText(name)}`,
    `drop owned by ${login}`,
    `drop role ${login}`,
  ].join(';\n');
}

/** Drops logins whose process has ended without doing it: they take no password any more, and nobody is connected. */
async function sweep(pools: Pools, database: Database): Promise<void> {
  const left = await pools.query(
    database,
    `select rolname as name from pg_roles r where starts_with(rolname, '${prefix}') and rolvaliduntil < now()
       and pg_has_role(r.oid, 'usage') and not exists (select from pg_stat_activity where usename = rolname)`,
  );
  for (const { name } of left) {
    await pools.query(database, dropSql(String(name))).catch((error) => {
      // Granted in another database, where its next login removes it; or another process was faster.
      if (![sqlState.dependentObjectsStillExist, sqlState.undefinedObject].includes(codeOf(error) as never))
        throw error;
    });
  }
}

function sharesWithOthers({ id }: Tenant): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `Tenant "${id}" shares tables with others, separated by a session setting that SQL can change. No login is lent for ` +
      `one. Use: omnitenant shell ${id}`,
    { tenant: id },
  );
}

function mayNot({ id }: Tenant, cause: unknown): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `The application's login may not lend one for tenant "${id}": it has to be allowed to create roles (alter role … createrole), and to own the ` +
      `tenant's tables. Without that, use: omnitenant shell ${id}`,
    { tenant: id, cause },
  );
}
