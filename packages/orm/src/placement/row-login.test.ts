import { expect, test } from 'vitest';
import { generateCredentialsKey } from '../vault/keys.ts';
import { rowWall } from './row-login.ts';

const [key, next] = [generateCredentialsKey(), generateCredentialsKey()];
const acme = { server: 'default', database: 'app', schema: 'rows', key: 'acme' };

function proofsOf(keys: string, placement = acme): string | undefined {
  return rowWall({ keys })?.proofOf(placement);
}

test('a proof is of one tenant, in one schema of one database, by one key', () => {
  const others = [
    { ...acme, key: 'acme~2' },
    { ...acme, key: 'bloom' },
    { ...acme, schema: 'rows2' },
    { ...acme, database: 'app_test' },
    { ...acme, server: 'eu' },
    // The names of the first two together are those of the others.
    { ...acme, server: 'defaulta', database: 'pp' },
    { ...acme, database: 'appro', schema: 'ws' },
  ];
  const proofs = [acme, ...others].map((placement) => proofsOf(key, placement));
  expect(new Set([...proofs, proofsOf(next)]).size).toBe(others.length + 2);
  expect(proofsOf(key)).toBe(proofs[0]);
});

test('the first key signs, and PostgreSQL is to accept both', () => {
  expect(proofsOf(`${key}, ${next}`)).toBe(proofsOf(key));
  const secrets = rowWall({ keys: `${next},${key}` })?.secretsOf(acme);
  expect(secrets).toEqual([next, key].flatMap((one) => rowWall({ keys: one })?.secretsOf(acme)));
});
