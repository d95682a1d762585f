import { createHmac } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';
import { type Key, parseKeys } from '../vault/keys.ts';
import type { OrmPlacement } from './placement.ts';

/**
 * A separate login for the tenants that share tables. It can only read and write those tables, and PostgreSQL only accepts tenants that
 * this process has signed. So no SQL in a tenant's scope reaches another tenant's rows.
 */
export interface RowLogin {
  /** Its password, or a function that is asked for each connection. Default: none, as with certificates. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /**
   * One key of 32 bytes as base64url, as `generateCredentialsKey()` creates them, or two with a comma between them. The first signs.
   * PostgreSQL accepts those that the last `takeOver` was given.
   */
  readonly keys: string | undefined;
}

/** What signs tenants for PostgreSQL, which has a secret of its own in each shared schema. */
export interface RowWall {
  readonly password: RowLogin['password'];
  /** The proof that goes with a tenant's key. */
  proofOf(placement: SignedPlacement): string;
  /** The secrets that PostgreSQL is to accept. */
  secretsOf(placement: SignedSchema): readonly Buffer[];
}

type SignedSchema = Pick<OrmPlacement, 'server' | 'database' | 'schema'>;
type SignedPlacement = SignedSchema & { readonly key: string };

/**
 * Reads the option `rows`; `undefined` where there is none.
 *
 * @throws CONFIG_INVALID where its keys are none, or more than two.
 */
export function rowWall(login: RowLogin | undefined): RowWall | undefined {
  if (login === undefined) return undefined;
  const keys = parseKeys(login.keys, 'rows.keys');
  const [signing] = keys;
  if (signing === undefined || keys.length > 2) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `The option rows.keys has ${keys.length === 0 ? 'no key' : `${keys.length} keys`}. It takes one, or two while one replaces the other. ` +
        'Create one with: omnitenant credentials generate-key.',
    );
  }
  return {
    password: login.password,
    proofOf: (placement) =>
      createHmac('sha256', secretOf(signing, placement))
        .update(encoded([placement.key]))
        .digest('hex'),
    secretsOf: (placement) => keys.map((key) => secretOf(key, placement)),
  };
}

/** The secret of one shared schema. Whoever reads it there can sign for no other. */
function secretOf({ secret }: Key, { server, database, schema }: SignedSchema): Buffer {
  return createHmac('sha256', secret)
    .update(encoded(['rows', server, database, schema]))
    .digest();
}

/** Each text with its length in bytes, so that no two lists come to the same. */
function encoded(texts: readonly string[]): string {
  return texts.map((text) => `${Buffer.byteLength(text)}:${text}`).join('');
}
