import { createHash, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';

/** A key that seals credentials. */
export interface Key {
  /** Identifies the key without revealing any of it. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** Creates a key for OMNITENANT_KEYS: 32 random bytes as base64url. */
export function generateCredentialsKey(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Parses the keys of a comma-separated list, which is the value of `option`.
 *
 * @throws CONFIG_INVALID if one of them is not a key. The message does not contain it.
 */
export function parseKeys(list = '', option = 'credentials.keys (OMNITENANT_KEYS)'): readonly Key[] {
  return list.trim() === ''
    ? []
    : list.split(',').map((text, index) => parseKey(text.trim(), `Key ${index + 1} of ${option}`));
}

function parseKey(text: string, subject: string): Key {
  if (!/^[\w-]{43}=?$/.test(text)) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `${subject} is not 32 bytes as base64url. Make one by: omnitenant credentials generate-key.`,
    );
  }
  const bytes = Buffer.from(text, 'base64url');
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), secret: createSecretKey(bytes) };
}
