import { createHash } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import { inSchema, type RowRoles, rowRoles, secretsTable } from '../../placement/shared-tables.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { scramVerifier } from '../scram-verifier.ts';
import type { Catalogue } from './catalogue.ts';
import type { Expectation, Requirement } from './requirement.ts';

/** SQL with which the owner of a shared schema makes the table of its secrets, which nobody else reads. They are values, and come apart. */
export function createSecrets(placement: OrmPlacement): string[] {
  const { tenants, changes } = rowRoles(placement);
  const secrets = inSchema(placement, secretsTable);
  return [
    `create table if not exists ${secrets} (id text primary key, inner_pad bytea not null, outer_pad bytea not null)`,
    `revoke all on ${secrets} from public, ${quoteName(tenants)}, ${quoteName(changes)}`,
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

/** What is lacking of that which the proofs of tenants are held against. */
export function wallRequirements({ reference, relations }: Catalogue, { roles, hasLogin }: Expectation): Requirement[] {
  if (!reference?.verifies) {
    const fault = 'its tenants are to have a separate login, but nothing verifies them yet: run omnitenant take-over';
    return hasLogin ? [{ on: 'schema', fault, open: true, steps: [] }] : [];
  }
  const secrets = relations.find(({ relname }) => relname === secretsTable);
  if (secrets?.owned) return [];
  const fault = `it is missing, or does not belong to the role "${roles.owner}"`;
  return [{ on: secretsTable, fault, open: true, steps: [] }];
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
