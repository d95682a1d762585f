import { TenancyError } from '@omnitenant/core';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { Key } from './keys.ts';
import { type Reference, variableOf } from './reference.ts';
import { faultOfUrl } from './server-url.ts';

/** A tenant's own server, and where it is. */
interface OwnServer {
  readonly tenant: string;
  readonly url: Reference;
}

/** Seals the URLs of servers, and unseals them. */
export interface Vault {
  /** @throws CONFIG_INVALID if there is no key, TENANT_INVALID if the text is not the URL of a server. */
  seal(url: string, tenant?: string): Promise<Reference>;
  /**
   * Seals the reference for the tenant, so that it cannot be used in another tenant's record.
   *
   * @throws TENANT_INVALID if it was sealed for another tenant.
   */
  bind(tenant: string, reference: Reference): Promise<Reference>;
  /**
   * The URL of the reference, with its password. Pass it to the server only, and do not store it.
   *
   * @throws CREDENTIALS_UNREADABLE
   */
  open(server: OwnServer): Promise<string>;
  /** @throws CONFIG_INVALID if there is no key. */
  firstKey(): Key;
  /** Whether the reference is sealed with a key other than the first. */
  isOutdated(reference: Reference): boolean;
}

/** The first key seals; all keys unseal. */
export function createVault(keys: readonly Key[]): Vault {
  function firstKey(): Key {
    const [key] = keys;
    if (key) return key;
    throw new TenancyError(
      'CONFIG_INVALID',
      'There is no key to seal credentials with. Run "omnitenant credentials generate-key", and set OMNITENANT_KEYS to the key.',
    );
  }

  async function unsealed({ tenant, url: sealed }: OwnServer): Promise<string> {
    const { kid: id, tenant: owner } = headerOf(sealed);
    if (id === undefined) throw unreadable(tenant, `they are neither sealed nor "env:NAME". ${replacement}`);
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
      throw unreadable(tenant, `they were changed after they were sealed. ${replacement}`);
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
      const message = `Tenant "${tenant}" cannot be stored: its url was sealed for another tenant. Seal the url for this one.`;
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
  if (fault)
    throw unreadable(tenant, `the environment variable ${variable} does not contain the URL of a server: ${fault}`);
  return url;
}

/** What is readable of a sealed URL: the key's id, and the tenant that it is sealed for. The seal covers both. */
function headerOf(sealed: Reference): { readonly kid?: string; readonly tenant?: unknown } {
  try {
    return decodeProtectedHeader(sealed);
  } catch {
    return {};
  }
}

const replacement = 'Give the tenant new ones with "omnitenant credentials replace"';

function unreadable(tenant: string, why: string): TenancyError {
  return new TenancyError('CREDENTIALS_UNREADABLE', `The credentials of tenant "${tenant}" cannot be read: ${why}.`, {
    tenant,
  });
}
