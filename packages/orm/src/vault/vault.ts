import { TenancyError } from '@omnitenant/core';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { Key } from './keys.ts';
import { type Reference, variableOf } from './reference.ts';
import { faultOfUrl } from './server-url.ts';

/** A tenant's own server: whose it is, and what leads there. */
interface OwnServer {
  readonly tenant: string;
  readonly url: Reference;
}

/** Seals URLs of servers, and finds them again. */
export interface Vault {
  /** @throws CONFIG_INVALID without a key, TENANT_INVALID where it is no URL of a server. */
  seal(url: string, tenant?: string): Promise<Reference>;
  /**
   * The reference as a tenant's record keeps it: sealed for that tenant, so that it is of no use in another's record.
   *
   * @throws TENANT_INVALID where it was sealed for another tenant.
   */
  bind(tenant: string, reference: Reference): Promise<Reference>;
  /**
   * The URL that a reference leads to: not to be kept, and not to be told to anybody but the server.
   *
   * @throws CREDENTIALS_UNREADABLE
   */
  open(server: OwnServer): Promise<string>;
  /** @throws CONFIG_INVALID where there is no key to seal with. */
  firstKey(): Key;
  /** Whether it is sealed with another key than the first. */
  isOutdated(reference: Reference): boolean;
}

/** The first key seals, and all of them open. */
export function createVault(keys: readonly Key[]): Vault {
  function firstKey(): Key {
    const [key] = keys;
    if (key) return key;
    throw new TenancyError(
      'CONFIG_INVALID',
      'There is no key to seal credentials with. Make one by omnitenant credentials generate-key, and set OMNITENANT_KEYS to it.',
    );
  }

  async function unsealed({ tenant, url: sealed }: OwnServer): Promise<string> {
    const { kid: id, tenant: owner } = headerOf(sealed);
    if (id === undefined) throw unreadable(tenant, `they are neither sealed nor 'env:NAME'. ${replacement}`);
    const key = keys.find((known) => known.id === id);
    if (!key) {
      const known = keys.length > 0 ? `there are only: ${keys.map((other) => other.id).join(', ')}` : 'there is none';
      throw unreadable(tenant, `they are sealed with the key ${id}, and ${known}. Add it to OMNITENANT_KEYS`);
    }
    if (owner !== undefined && owner !== tenant)
      throw unreadable(tenant, `they were sealed for another tenant. ${replacement}`);
    try {
      const { plaintext } = await compactDecrypt(sealed, key.secret, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return Buffer.from(plaintext).toString();
    } catch {
      throw unreadable(tenant, `they were changed after they had been sealed. ${replacement}`);
    }
  }

  async function seal(url: string, tenant?: string): Promise<Reference> {
    const { id, secret } = firstKey();
    const fault = faultOfUrl(url);
    if (fault) {
      throw new TenancyError(
        'TENANT_INVALID',
        `The URL of the server cannot be sealed: ${fault}. Give a URL of PostgreSQL that names user, password and host.`,
      );
    }
    return new CompactEncrypt(Buffer.from(url))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id, ...(tenant !== undefined && { tenant }) })
      .encrypt(secret);
  }

  async function bind(tenant: string, reference: Reference): Promise<Reference> {
    const { kid, tenant: owner } = variableOf(reference) === undefined ? headerOf(reference) : {};
    if (owner !== undefined && owner !== tenant) {
      const message = `The tenant '${tenant}' cannot be kept: its url was sealed for another tenant. Seal it again.`;
      throw new TenancyError('TENANT_INVALID', message, { tenant });
    }
    const isOpen = owner === undefined && keys.some(({ id }) => id === kid);
    return isOpen ? seal(await unsealed({ tenant, url: reference }), tenant) : reference;
  }

  return {
    firstKey,
    seal,
    bind,
    open: async (server) => {
      const variable = variableOf(server.url);
      return variable === undefined ? unsealed(server) : fromEnvironment(server.tenant, variable);
    },
    isOutdated: (reference) => variableOf(reference) === undefined && headerOf(reference).kid !== firstKey().id,
  };
}

function fromEnvironment(tenant: string, variable: string): string {
  const url = process.env[variable];
  if (!url)
    throw unreadable(tenant, `the environment variable ${variable} is not set. Set it to the URL of its server`);
  const fault = faultOfUrl(url);
  if (fault) throw unreadable(tenant, `of what the environment variable ${variable} holds, ${fault}`);
  return url;
}

/** What a sealed URL says openly: the key, and the tenant that it is sealed for. The seal covers both. */
function headerOf(sealed: Reference): { readonly kid?: string; readonly tenant?: unknown } {
  try {
    return decodeProtectedHeader(sealed);
  } catch {
    return {};
  }
}

const replacement = 'Give the tenant others: omnitenant credentials replace';

function unreadable(tenant: string, why: string): TenancyError {
  return new TenancyError(
    'CREDENTIALS_UNREADABLE',
    `The credentials of the tenant '${tenant}' cannot be read: ${why}.`,
    {
      tenant,
    },
  );
}
