import { isSecretName, redact } from '@omnitenant/core/extend';

/** A copy for display: values with a secret name and text that looks like a credential are masked. */
export function masked(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, isSecret(name, held) ? '***' : masked(held)]),
  );
}

/** A URL may hold a password or sealed credentials. The name of an environment variable is not secret. */
function isSecret(name: string, held: unknown): boolean {
  if (name === 'url') return typeof held === 'string' && !held.startsWith('env:');
  return isSecretName(name) && held !== null;
}
