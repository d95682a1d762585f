import { inspect } from 'node:util';
import { isTenancyError } from '@omnitenant/core';
import { decodeProtectedHeader } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { generateCredentialsKey, parseKeys } from './keys.ts';
import { createVault } from './vault.ts';

const url = 'postgresql://app:s3cr%2Ft@db.example.com:6432/main?sslmode=verify-full';
function vaultOf(...keys: string[]) {
  return createVault(parseKeys(keys.join(',')));
}
async function refusal(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/s3cr|db\.example/);
    return error as Error;
  }
  throw new Error('It was not refused.');
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a sealed URL', () => {
  test('is read again with its key, and says nothing but which one that is', async () => {
    const [key, other] = [generateCredentialsKey(), generateCredentialsKey()];
    const sealed = await vaultOf(key).seal(url);
    expect(sealed).not.toContain(Buffer.from('app:').toString('base64url'));
    expect(decodeProtectedHeader(sealed)).toEqual({ alg: 'dir', enc: 'A256GCM', kid: parseKeys(key)[0]?.id });
    expect(await vaultOf(key).open({ tenant: 'acme', url: sealed })).toBe(url);
    expect(await vaultOf(other, key).open({ tenant: 'acme', url: sealed })).toBe(url);
  });

  test('that a tenant’s record keeps is of no use to another tenant', async () => {
    const vault = vaultOf(generateCredentialsKey());
    const bound = await vault.bind('acme', await vault.seal(url));
    expect(await vault.open({ tenant: 'acme', url: bound })).toBe(url);
    expect(await vault.bind('acme', bound)).toBe(bound);
    expect(await refusal(() => vault.bind('bloom', bound))).toMatchObject({ code: 'TENANT_INVALID', tenant: 'bloom' });
    expect(await refusal(() => vault.open({ tenant: 'bloom', url: bound }))).toMatchObject({
      code: 'CREDENTIALS_UNREADABLE',
      message: expect.stringContaining('another tenant'),
    });
  });

  test('of a key that is not known is kept as it is', async () => {
    const sealed = await vaultOf(generateCredentialsKey()).seal(url);
    expect(await vaultOf(generateCredentialsKey()).bind('acme', sealed)).toBe(sealed);
    expect(await vaultOf().bind('acme', 'env:ACME_URL')).toBe('env:ACME_URL');
  });

  test('is never the same twice', async () => {
    const vault = vaultOf(generateCredentialsKey());
    expect(await vault.seal(url)).not.toBe(await vault.seal(url));
  });

  test('is outdated when another key comes first', async () => {
    const [key, newer] = [generateCredentialsKey(), generateCredentialsKey()];
    const sealed = await vaultOf(key).seal(url);
    expect(vaultOf(key, newer).isOutdated(sealed)).toBe(false);
    expect(vaultOf(newer, key).isOutdated(sealed)).toBe(true);
    expect(vaultOf(newer, key).isOutdated('env:ACME_URL')).toBe(false);
  });

  test('whose key is missing is told with the tenant and the key, and what to do', async () => {
    const [key, other] = [generateCredentialsKey(), generateCredentialsKey()];
    const server = { tenant: 'acme', url: await vaultOf(key).seal(url) };
    const [id, otherId] = parseKeys(`${key},${other}`).map((known) => known.id);
    const wrong = await refusal(() => vaultOf(other).open(server));
    expect(wrong).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', status: 500, expose: false, tenant: 'acme' });
    expect(wrong.message).toBe(
      `The credentials of tenant "acme" cannot be read: they are sealed with the key ${id}, and there are only: ${otherId}. Add it to OMNITENANT_KEYS.`,
    );
    const missing = await refusal(() => vaultOf().open(server));
    expect(missing.message).toContain(`the key ${id}, and there is none. Add it to OMNITENANT_KEYS.`);
  });

  test.each([1, 2, 3, 4].map((part) => [part]))('that was tampered with in part %i is refused', async (part) => {
    const vault = vaultOf(generateCredentialsKey());
    const parts = (await vault.seal(url)).split('.');
    const flipped = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    const tampered = parts.map((text, n) => (n === part ? flipped(text) : text)).join('.');
    const error = await refusal(() => vault.open({ tenant: 'acme', url: tampered }));
    expect(error).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', tenant: 'acme' });
    expect(error.message).toContain('changed after they were sealed');
  });

  test('of no known kind is refused, without being repeated', async () => {
    const error = await refusal(() => vaultOf(generateCredentialsKey()).open({ tenant: 'acme', url }));
    expect(error.message).toContain('they are neither sealed nor "env:NAME"');
  });
});

describe('a URL in the environment', () => {
  test('is read when it is asked for', async () => {
    const server = { tenant: 'acme', url: 'env:OMNITENANT_TEST_URL' };
    const unset = await refusal(() => vaultOf().open(server));
    expect(unset).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', tenant: 'acme' });
    expect(unset.message).toContain('the environment variable OMNITENANT_TEST_URL is not set');
    vi.stubEnv('OMNITENANT_TEST_URL', url);
    expect(await vaultOf().open(server)).toBe(url);
    vi.stubEnv('OMNITENANT_TEST_URL', `x${url}`);
    expect((await refusal(() => vaultOf().open(server))).message).toContain('OMNITENANT_TEST_URL');
  });
});

describe('what cannot be sealed', () => {
  test.each([
    ['s3cret', /not a URL/],
    ['https://app:s3cret@db.example.com', /does not begin with postgresql/],
    ['postgresql://db.example.com/main', /names no user/],
    ['postgresql://app@db.example.com/main', /names no password/],
    ['postgresql://app:s3cret@/main', /not a URL|names no host/],
    ['postgresql://app:12/s3cret@db.example.com/main', /names no user/],
    ['postgresql://app:s3cret@db.example.com/main#x', /has to be encoded/],
    ['postgresql://app:s3cret%@db.example.com/main', /has to be encoded/],
  ])('(%#) is told without being repeated', async (text, why) => {
    const error = await refusal(() => vaultOf(generateCredentialsKey()).seal(text));
    expect(error).toMatchObject({ code: 'TENANT_INVALID', message: expect.stringMatching(why) });
  });

  test('is anything, without a key', async () => {
    const error = await refusal(() => vaultOf().seal(url));
    expect(isTenancyError(error, 'CONFIG_INVALID')).toBe(true);
    expect(error.message).toContain('omnitenant credentials generate-key');
  });
});

describe('keys', () => {
  test.each([['short'], ['!'.repeat(43)], [`${generateCredentialsKey()},`], [`${generateCredentialsKey()}AAAA`]])(
    'that are malformed are refused without being repeated (%#)',
    (list) => {
      expect(() => parseKeys(list)).toThrow(/^Key \d of credentials\.keys \(OMNITENANT_KEYS\) is not 32 bytes/);
      try {
        parseKeys(list);
      } catch (error) {
        for (const key of list.split(',').filter(Boolean)) expect(inspect(error)).not.toContain(key);
      }
    },
  );

  test('are not shown by what holds them', () => {
    const key = generateCredentialsKey();
    const [parsed] = parseKeys(` ${key}\n`);
    const shown = inspect([parsed, vaultOf(key)], { depth: 10, showHidden: true });
    expect(shown).not.toContain(key);
    expect(shown).not.toContain(Buffer.from(key, 'base64url').toString('hex').slice(0, 12));
    expect(parseKeys('')).toEqual([]);
  });
});
