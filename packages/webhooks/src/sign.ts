import { createHmac } from 'node:crypto';

const prefix = 'whsec_';

/** The key in a secret such as `whsec_…`: 24 to 64 bytes in base64. `undefined` if the text is not one. */
export function keyOf(secret: string): Buffer | undefined {
  const text = secret.slice(prefix.length);
  const key = Buffer.from(text, 'base64');
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return secret.startsWith(prefix) && isWhole && key.length >= 24 && key.length <= 64 ? key : undefined;
}

/** The headers of Standard Webhooks, with a signature for each key. `at` is when it is sent, not when it happened. */
export function signedHeaders(
  message: { readonly id: string; readonly body: string },
  keys: readonly Buffer[],
  at: Date,
): Record<string, string> {
  const { id, body } = message;
  const seconds = Math.floor(at.getTime() / 1_000);
  const signatures = keys.map((key) => createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64'));
  return {
    'webhook-id': id,
    'webhook-timestamp': `${seconds}`,
    'webhook-signature': signatures.map((signature) => `v1,${signature}`).join(' '),
  };
}
