import { readFile } from 'node:fs/promises';
import { UsageError } from '../terminal/failure.ts';

type Bytes = ReadableStream<Uint8Array>;

/** Encrypts for the holder of an age key, `age1…`. */
export async function encryptionTo(recipient: string): Promise<(bytes: Bytes) => Promise<Bytes>> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch {
    throw new UsageError('--encrypt-to takes a public key of age, such as age1…: create a pair with age-keygen.');
  }
  return (bytes) => encrypter.encrypt(bytes);
}

/** Decrypts with the secret keys in a file, as age-keygen writes it. */
export async function decryptionWith(file: string): Promise<(bytes: Bytes) => Promise<Bytes>> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  const keys = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim());
  try {
    const secret = keys.filter((line) => line !== '' && !line.startsWith('#'));
    if (secret.length === 0) throw new TypeError('It has no key.');
    for (const key of secret) decrypter.addIdentity(key);
  } catch {
    throw new UsageError(
      `The file ${file} contains no secret key of age. --identity takes a file that age-keygen wrote.`,
    );
  }
  return async (bytes) => {
    try {
      return await decrypter.decrypt(bytes);
    } catch (error) {
      throw new UsageError('The archive cannot be decrypted with the keys of --identity.', { cause: error });
    }
  };
}
