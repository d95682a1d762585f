import { createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { allOf } from '../src/resolvers/all-of.ts';
import { fromSubdomain } from '../src/resolvers/from-subdomain.ts';
import { fromToken, type TokenOptions } from '../src/resolvers/from-token.ts';

const { privateKey, publicKey } = await generateKeyPair('ES256');
const privateJwk = await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey);
const { privateKey: otherKey } = await generateKeyPair('ES256');
const secret = new TextEncoder().encode('a secret of at least thirty-two bytes');

function signed(claims: Record<string, unknown>, { key = privateKey as CryptoKey | Uint8Array, alg = 'ES256' } = {}) {
  return new SignJWT(claims).setProtectedHeader({ alg, kid: '1' }).setExpirationTime('1h').sign(key);
}

function request(token: string | undefined, host = 'app.com') {
  const authorization = token && `Bearer ${token}`;
  return {
    host,
    path: '/',
    header: (name: string) => (name === 'authorization' ? authorization : undefined),
    raw: undefined,
  };
}

const options: TokenOptions = { key: publicKey, algorithms: ['ES256'], issuer: 'id', audience: 'app' };
const claims = { tenant: 'acme', iss: 'id', aud: 'app' };

test('a token that is valid leads to the tenant of its claim', async () => {
  expect(await fromToken(options)(request(await signed(claims)))).toEqual({ id: 'acme' });
  const own = { claim: 'org', token: ({ host }: { host: string | undefined }) => host };
  const token = await signed({ org: 'birch' });
  expect(await fromToken({ key: publicKey, algorithms: ['ES256'], ...own })(request(undefined, token))).toEqual({
    id: 'birch',
  });
});

test('a tenant may be read from within a claim', async () => {
  const claim = ({ o }: Readonly<Record<string, unknown>>) => (o as { slg?: string } | undefined)?.slg;
  const resolve = fromToken({ key: publicKey, algorithms: ['ES256'], claim });
  expect(await resolve(request(await signed({ o: { slg: 'acme' } })))).toEqual({ id: 'acme' });
  await expect(resolve(request(await signed({ sub: '1' })))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
});

test('a token may be signed with a shared secret', async () => {
  const token = await signed(claims, { key: secret, alg: 'HS256' });
  const jwk = { kty: 'oct', k: Buffer.from(secret).toString('base64url') };
  for (const key of [secret, createSecretKey(secret), jwk]) {
    expect(await fromToken({ key, algorithms: ['HS256'] })(request(token))).toEqual({ id: 'acme' });
  }
});

test('a request without a token names no tenant', () => {
  expect(fromToken(options)(request(undefined))).toBeUndefined();
});

const invalid = { code: 'TOKEN_INVALID', status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } };

describe('a token is refused', () => {
  const unsigned = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ ...claims, exp: 4e9 }))}.`;
  test.each([
    ['of another key', () => signed(claims, { key: otherKey })],
    ['without a signature', async () => unsigned],
    ['of an algorithm that is not accepted', () => signed(claims, { key: secret, alg: 'HS256' })],
    ['of another issuer', () => signed({ ...claims, iss: 'other' })],
    ['for another audience', () => signed({ ...claims, aud: 'other' })],
    [
      'that has expired',
      () => new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).setExpirationTime(1).sign(privateKey),
    ],
    ['that is none', async () => 'acme'],
    ['without the claim', () => signed({ ...claims, tenant: undefined })],
    ['whose claim is no text', () => signed({ ...claims, tenant: ['acme'] })],
  ])('%s', async (_, token) => {
    await expect(fromToken(options)(request(await token()))).rejects.toMatchObject(invalid);
  });
});

test('a token of one tenant is refused at the host of another', async () => {
  const resolve = allOf(fromSubdomain('app.com'), fromToken(options));
  expect(await resolve(request(await signed(claims), 'acme.app.com'))).toEqual({ id: 'acme' });
  await expect(resolve(request(await signed(claims), 'birch.app.com'))).rejects.toMatchObject({
    code: 'TENANT_UNRESOLVED',
  });
});

test('keys come from a set, given or loaded; that they cannot be loaded is never told as a bad token', async () => {
  const keys = [{ ...(await exportJWK(publicKey)), kid: '1' }];
  const token = await signed(claims);
  expect(await fromToken({ jwks: { keys }, algorithms: ['ES256'] })(request(token))).toEqual({ id: 'acme' });

  let status = 500;
  const server = createServer((_, response) => response.writeHead(status).end(JSON.stringify({ keys }))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const jwks = new URL(`http://ann:hunter2@127.0.0.1:${(server.address() as AddressInfo).port}/keys?secret=hunter2`);
  const resolve = fromToken({ jwks, algorithms: ['ES256'] });
  const down = { code: 'SERVER_UNAVAILABLE', message: expect.not.stringContaining('hunter2') };
  await expect(resolve(request(token))).rejects.toMatchObject(down);
  status = 200;
  const open = new URL(jwks);
  open.username = open.password = '';
  expect(await fromToken({ jwks: open, algorithms: ['ES256'] })(request(token))).toEqual({ id: 'acme' });
  server.close().closeAllConnections();
  await once(server, 'close');
  await expect(fromToken({ jwks: open, algorithms: ['ES256'] })(request(token))).rejects.toMatchObject(down);
});

test.each([
  { algorithms: ['ES256'] },
  { key: publicKey, jwks: { keys: [] }, algorithms: ['ES256'] },
  { jwks: {}, algorithms: ['ES256'] },
  { jwks: { keys: [] }, algorithms: ['ES256'] },
  { jwks: { keys: [null] }, algorithms: ['ES256'] },
  { jwks: { keys: [{ kty: 'RSA' }] }, algorithms: ['RS256'] },
  { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] }, algorithms: ['HS256'] },
  { jwks: { keys: [privateJwk] }, algorithms: ['ES256'] },
  { jwks: new URL('file:///etc/keys'), algorithms: ['ES256'] },
  { key: publicKey },
  { key: publicKey, algorithms: [] },
  { key: publicKey, algorithms: ['none'] },
  { key: publicKey, algorithms: ['ES256'], isuer: 'id' },
  { key: publicKey, algorithms: ['ES256'], issuer: undefined },
  { key: publicKey, algorithms: ['ES256'], audience: '' },
  { key: publicKey, algorithms: ['ES256'], audience: ['app', undefined] },
  { key: publicKey, algorithms: ['ES256', 'HS256'] },
  { key: secret, algorithms: ['HS256', 'ES256'] },
  { key: new Uint8Array(), algorithms: ['HS256'] },
  { key: '-----BEGIN PUBLIC KEY-----', algorithms: ['ES256'] },
  { key: null, algorithms: ['ES256'] },
  { key: privateKey, algorithms: ['ES256'] },
  { key: privateJwk, algorithms: ['ES256'] },
  { key: { kty: 'oct', k: 'AAAA' }, algorithms: ['ES256'] },
])('options that verify nothing are refused (%#)', (wrong) => {
  expect(() => fromToken(wrong as TokenOptions)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error);
});
