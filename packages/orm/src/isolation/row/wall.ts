import { createHash } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import {
  inSchema,
  ownRows,
  ownVerifiedRows,
  type RowRoles,
  rowRoles,
  secretsTable,
  verifiedTenant,
} from '../../placement/shared-tables.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { scramVerifier } from '../scram-verifier.ts';
import type { Catalogue } from './catalogue.ts';
import type { Expectation, Requirement } from './requirement.ts';

/** What the function that verifies a tenant has to be. PostgreSQL's own functions are all that it finds. */
const expected = {
  language: 'plpgsql',
  definer: true,
  stable: true,
  parallel: true,
  config: ['search_path=pg_catalog, pg_temp'],
  returns: 'text',
};

/**
 * Who may become the owner of the tables needs no proof: what migrates, makes and removes tenants, and processes that do not use the
 * tenants' login yet. The proof is an HMAC with SHA-256; what is compared are digests, so that how long it takes says nothing.
 */
function sourceOf({ schema }: Pick<OrmPlacement, 'schema'>): string {
  return `
declare
  said text := nullif(current_setting('omnitenant.tenant', true), '');
  proof text := coalesce(current_setting('omnitenant.proof', true), '');
begin
  if said is null or pg_has_role(session_user, current_user, 'member') then
    return said;
  end if;
  if exists (select from ${quoteName(schema)}.${secretsTable} where sha256(convert_to(proof, 'UTF8')) = sha256(convert_to(encode(
      sha256(outer_pad || sha256(inner_pad || convert_to(octet_length(said) || ':' || said, 'UTF8'))), 'hex'), 'UTF8'))) then
    return said;
  end if;
  raise exception 'the tenant is not proven' using errcode = '42501';
end `;
}

/** SQL with which the owner of a shared schema makes what verifies its tenants. The secrets are values, and come apart. */
export function wallSql(placement: OrmPlacement): string[] {
  const { tenants, changes } = rowRoles(placement);
  const secrets = inSchema(placement, secretsTable);
  const callers = `${quoteName(tenants)}, ${quoteName(changes)}`;
  return [
    `create table if not exists ${secrets} (id text primary key, inner_pad bytea not null, outer_pad bytea not null)`,
    `revoke all on ${secrets} from public, ${callers}`,
    ...functionSql(placement, callers),
  ];
}

function functionSql(placement: Pick<OrmPlacement, 'schema'>, callers: string): string[] {
  const name = `${quoteName(placement.schema)}.${verifiedTenant}()`;
  return [
    `create or replace function ${name} returns text language plpgsql stable security definer parallel safe ` +
      `set search_path = pg_catalog, pg_temp as $omnitenant$${sourceOf(placement)}$omnitenant$`,
    `revoke all on function ${name} from public`,
    `grant execute on function ${name} to ${callers}`,
  ];
}

/** Makes exactly these secrets the ones that tenants are verified by. Run as the owner; they stand in no statement's text. */
export async function putSecrets(
  query: (sql: string, values: unknown[]) => Promise<unknown>,
  placement: OrmPlacement,
  secrets: readonly Buffer[],
): Promise<void> {
  const table = inSchema(placement, secretsTable);
  const ids = secrets.map((secret) => createHash('sha256').update(secret).digest('hex'));
  await query(`delete from ${table} where id <> all ($1)`, [ids]);
  for (const [n, secret] of secrets.entries()) {
    await query(`insert into ${table} (id, inner_pad, outer_pad) values ($1, $2, $3) on conflict do nothing`, [
      ids[n],
      padded(secret, 0x36),
      padded(secret, 0x5c),
    ]);
  }
}

/** The secret as HMAC takes it into its inner and its outer digest. */
function padded(secret: Buffer, byte: number): Buffer {
  const block = Buffer.alloc(64, byte);
  for (const [n, value] of secret.entries()) block[n] = value ^ byte;
  return block;
}

/** SQL that lets the tenants' role log in, and hides its statements where the login may say so. */
export async function loginSql({ tenants }: RowRoles, { password }: RowWall): Promise<string[]> {
  const name = quoteName(tenants);
  const given = typeof password === 'function' ? await password() : password;
  const hidden = (setting: string) =>
    `do $login$ begin alter role ${name} set ${setting}; exception when insufficient_privilege then null; end $login$`;
  return [
    `alter role ${name} login${given === undefined ? '' : ` password ${quoteText(scramVerifier(given))}`}`,
    ...hiding.map(hidden),
  ];
}

/** Settings with which what one tenant sends is shown to no other, and its proof to no log. A superuser sets them. */
const hiding: readonly string[] = ['track_activities to off', 'log_parameter_max_length to 0'];

/** The same for a database administrator, who gives it its password too. */
export function dbaLoginSql(role: string): string[] {
  return [
    `alter role ${quoteName(role)} login`,
    ...hiding.map((setting) => `alter role ${quoteName(role)} set ${setting}`),
  ];
}

/** SQL that is true for a tenant's own rows, as the schema's tables have it: verified or not. */
export function ownRowsOf({ reference }: Catalogue, schema: string): string {
  return reference?.verifies ? ownVerifiedRows(schema) : ownRows;
}

/** What is lacking of that which verifies tenants. */
export function wallRequirements(
  { reference, wall, relations }: Catalogue,
  { schema, roles, hasLogin }: Expectation,
): Requirement[] {
  if (!reference?.verifies) {
    const fault = 'its tenants are to have a separate login, but nothing verifies them yet: run omnitenant take-over';
    return hasLogin ? [{ on: 'schema', fault, open: true, steps: [] }] : [];
  }
  const callers = `${quoteName(roles.tenants)}, ${quoteName(roles.changes)}`;
  const { source, owned, executable, ...found } = wall ?? {};
  const isRight =
    source === sourceOf({ schema }) && owned && executable && JSON.stringify(found) === JSON.stringify(expected);
  const steps = functionSql({ schema }, callers).map((sql) => ({ stage: 'column' as const, sql }));
  const secrets = relations.find(({ relname }) => relname === secretsTable);
  return [
    ...(isRight ? [] : [{ on: verifiedTenant, fault: 'it verifies the tenants, and was changed', open: true, steps }]),
    ...(secrets?.owned
      ? []
      : [
          {
            on: secretsTable,
            fault: `it is missing, or does not belong to the role "${roles.owner}"`,
            open: true,
            steps: [],
          },
        ]),
  ];
}

/** The error where the login that the configuration names does not get to the tables. */
export function loginFault(role: string, schema: string, cause: unknown): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `The tenants of the schema "${schema}" have a login of their own, "${role}", which does not get there: ${(cause as Error).message} ` +
      'Run omnitenant take-over, which lets it log in and accepts the keys of rows.keys; omnitenant doctor says more.',
    { cause },
  );
}
