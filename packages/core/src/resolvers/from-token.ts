import { createPublicKey, type webcrypto } from 'node:crypto';
import type { CryptoKey, JSONWebKeySet, JWK, JWTVerifyOptions, KeyObject } from 'jose';
import { TenancyError } from '../errors/errors.ts';
import { type OptionNames, unknownOption } from '../errors/unknown-option.ts';
import { expecting, type TenantRequest, type TenantResolver } from './resolver.ts';

/** How `fromToken` verifies and reads a token. */
export interface TokenOptions {
  /** The key that tokens are signed with: a public key, or the bytes of a shared secret for `HS256` and the like. Either this or `jwks`. */
  readonly key?: CryptoKey | KeyObject | JWK | Uint8Array | undefined;
  /** The set of keys, or the URL to load it from. */
  readonly jwks?: JSONWebKeySet | URL | undefined;
  /** The algorithms that are accepted, such as `RS256`. */
  readonly algorithms: readonly string[];
  /** The claim that contains the tenant's id, or a function that reads the id from the verified claims. Default `tenant`. */
  readonly claim?: string | ((claims: Claims) => string | undefined) | undefined;
  /** Who issues the tokens. Without it, anyone whose tokens the key verifies. */
  readonly issuer?: string;
  /** Whom the tokens are for. Without it, anyone. */
  readonly audience?: string;
  /** Finds the token in the request. Default: the header `Authorization: Bearer …`. */
  readonly token?: ((request: TenantRequest) => string | undefined) | undefined;
}

type Claims = Readonly<Record<string, unknown>>;
type Verify = (token: string) => Promise<Claims>;

/**
 * Resolves by a claim of a JSON Web Token, whose signature, lifetime, issuer and audience are verified by `jose`. A request without a token
 * names no tenant. Rejects with TOKEN_INVALID for a token that is not valid or has no such claim, and with SERVER_UNAVAILABLE if
 * the keys cannot be loaded.
 * @throws CONFIG_INVALID
 * @example
 * const resolver = allOf(fromSubdomain('app.com'), fromToken({ jwks: new URL('https://id.app.com/jwks'), algorithms: ['RS256'] }));
 */
export function fromToken(options: TokenOptions): TenantResolver {
  const { claim = 'tenant', token: find = bearer } = options;
  checkOptions(options);
  let verifier: Promise<Verify> | undefined;
  return expecting('a token that names the tenant', (request) => {
    const token = find(request);
    if (token === undefined) return undefined;
    verifier ??= createVerify(options);
    return verifier
      .then((verify) => verify(token))
      .then((payload) => {
        const id = typeof claim === 'function' ? claim(payload) : payload[claim];
        if (typeof id === 'string' && id !== '') return { id };
        const named = typeof claim === 'function' ? 'claim' : `claim "${claim}"`;
        throw new TenancyError('TOKEN_INVALID', `The token has no ${named} that names a tenant.`);
      });
  });
}

function bearer(request: TenantRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.header('authorization') ?? '')?.[1];
}

/** jose is loaded with the first token: an application without tokens does without it. */
async function createVerify({ key, jwks, algorithms, issuer, audience }: TokenOptions): Promise<Verify> {
  const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import('jose');
  const keys = jwks instanceof URL ? createRemoteJWKSet(jwks) : jwks && createLocalJWKSet(jwks);
  const checks: JWTVerifyOptions = { algorithms: [...algorithms] };
  if (issuer !== undefined) checks.issuer = issuer;
  if (audience !== undefined) checks.audience = audience;
  return async (token) => {
    try {
      const { payload } = await (keys === undefined
        ? jwtVerify(token, key as Uint8Array, checks)
        : jwtVerify(token, keys, checks));
      return payload;
    } catch (cause) {
      throw jwks instanceof URL && isLoading(cause) ? keysUnavailable(jwks, cause) : tokenInvalid(cause);
    }
  };
}

/** Whether the set of keys could not be loaded: jose's errors about that, and those of the network. */
function isLoading(cause: unknown): boolean {
  const { code } = cause as { readonly code?: unknown };
  if (typeof code !== 'string' || !/^ERR_(JOSE|JW)/.test(code)) return true;
  return code === 'ERR_JWKS_TIMEOUT' || code === 'ERR_JWKS_INVALID' || code === 'ERR_JOSE_GENERIC';
}

function keysUnavailable({ origin, pathname }: URL, cause: unknown): TenancyError {
  const message = `The keys of tokens cannot be loaded from ${origin}${pathname}; tokens are refused until they can.`;
  return new TenancyError('SERVER_UNAVAILABLE', message, { cause });
}

function tokenInvalid(cause: unknown): TenancyError {
  return new TenancyError('TOKEN_INVALID', `The token is not valid: ${(cause as Error).message}.`, { cause });
}

const names: OptionNames<TokenOptions> = {
  key: true,
  jwks: true,
  algorithms: true,
  claim: true,
  issuer: true,
  audience: true,
  token: true,
};

function checkOptions(options: TokenOptions): void {
  const { key, jwks, algorithms } = options;
  // A mistyped name would leave out a check, and say nothing.
  const fault = unknownOption(options, names);
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', `fromToken() ${fault}`);
  if ((key === undefined) === (jwks === undefined)) throw invalid('either a key or jwks');
  if (!Array.isArray(algorithms) || algorithms.length === 0)
    throw invalid('the algorithms to accept, such as ["RS256"]');
  if (algorithms.includes('none')) throw invalid('algorithms that sign');
  if (jwks !== undefined) checkJwks(jwks);
  else checkKey(key, algorithms);
  for (const name of ['issuer', 'audience'] as const) {
    // Such as a variable of the environment that is not set: jose would not check the claim.
    if (name in options && ![options[name]].flat().every((value) => typeof value === 'string' && value !== ''))
      throw invalid(`${name} to have a value; leave it out to accept any`);
  }
}

/** A key of the wrong kind verifies no token, and a public key that is taken for a shared secret lets anyone sign. */
function checkKey(key: unknown, algorithms: readonly string[]): void {
  const kind = kindOf(key);
  if (kind === undefined)
    throw invalid(
      'a key that is a KeyObject, a CryptoKey, a JSON Web Key or bytes; for a PEM text, createPublicKey(text)',
    );
  if (kind === 'private') throw invalid('a key that is public, and not the private one');
  const fits = (algorithm: string) => algorithm.startsWith('HS') === (kind === 'secret');
  if (!algorithms.every(fits)) throw invalid(`algorithms that fit the key, which is ${kind}`);
}

function kindOf(key: unknown): 'public' | 'private' | 'secret' | undefined {
  if (key instanceof Uint8Array) return key.length > 0 ? 'secret' : undefined;
  const { type, kty } = (key ?? {}) as { readonly type?: unknown; readonly kty?: unknown };
  if (type === 'public' || type === 'private' || type === 'secret') return type;
  if (typeof kty !== 'string') return undefined;
  if (kty === 'oct') return 'secret';
  return 'd' in (key as object) ? 'private' : 'public';
}

/** A set of keys that was given is checked at start. One that is loaded can only be checked then. */
function checkJwks(jwks: JSONWebKeySet | URL): void {
  if (jwks instanceof URL) {
    if (jwks.protocol !== 'https:' && jwks.protocol !== 'http:') throw invalid('jwks as a URL of https');
    return;
  }
  if (!Array.isArray(jwks?.keys) || jwks.keys.length === 0) throw invalid('jwks as a URL, or as a set with keys');
  for (const [index, jwk] of jwks.keys.entries()) {
    const fault = faultOfKey(jwk);
    if (fault !== undefined) throw invalid(`jwks whose keys are public; key ${index + 1} ${fault}`);
  }
}

function faultOfKey(jwk: JWK): string | undefined {
  if (typeof jwk?.kty !== 'string') return 'is no JSON Web Key';
  if (jwk.kty === 'oct') return 'is a shared secret: pass it as key';
  if ('d' in jwk) return 'is private: leave out its member "d" and those after it';
  // A set may have keys for others, of kinds that are not known here.
  if (!['RSA', 'EC', 'OKP'].includes(jwk.kty)) return undefined;
  try {
    createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' });
    return undefined;
  } catch (error) {
    return `cannot be read (${(error as Error).message})`;
  }
}

function invalid(what: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `fromToken() requires ${what}.`);
}
