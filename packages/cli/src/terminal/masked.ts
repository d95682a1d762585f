import { redact } from '@omnitenant/core';

const secret = /pass|secret|token|key|credential|auth|dsn|cookie|private/i;

/** A copy to be shown: what a secret's name stands beside, and what looks like a credential, is masked. */
export function masked(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, isSecret(name, held) ? '***' : masked(held)]),
  );
}

/** A URL may hold a password, and a sealed one is nobody's business; the name of a variable may be read. */
function isSecret(name: string, held: unknown): boolean {
  if (name === 'url') return typeof held === 'string' && !held.startsWith('env:');
  return secret.test(name) && held !== null;
}
