import { randomUUID } from 'node:crypto';
import { TenancyError } from '../errors/errors.ts';
import { incarnationOf } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { Acting } from '../scope/acting.ts';
import type { CheckedImpersonation } from './impersonation-options.ts';

/** What a token says: who may act as which user, once. */
export interface TokenClaims {
  readonly id: string;
  readonly user: string;
  readonly by: Acting;
  readonly expiresAt: Date;
}

// A token that the application signs with the same key, for a session or an API, has another type, and is refused here.
const typ = 'omnitenant-impersonation+jwt';
const alg = 'HS256';
const issuer = 'omnitenant';

/** Signs a token for one user of one incarnation of a tenant. jose is loaded with the first. */
export async function signToken(
  { keys: [key], ttlMs }: CheckedImpersonation,
  tenant: Tenant,
  user: string,
  { actor, reason }: Acting,
): Promise<string> {
  const { SignJWT } = await import('jose');
  const now = Date.now();
  return new SignJWT({ act: { sub: actor }, ...(reason !== undefined && { reason }) })
    .setProtectedHeader({ alg, typ })
    .setIssuer(issuer)
    .setAudience(incarnationOf(tenant))
    .setSubject(user)
    .setJti(randomUUID())
    .setIssuedAt(Math.floor(now / 1_000))
    .setExpirationTime(Math.ceil((now + ttlMs) / 1_000))
    .sign(key as Uint8Array);
}

/** @throws TOKEN_INVALID if it is not a token for this tenant, or has expired. */
export async function verifyToken({ keys }: CheckedImpersonation, tenant: Tenant, token: string): Promise<TokenClaims> {
  const { jwtVerify } = await import('jose');
  const checks = { algorithms: [alg], typ, issuer, audience: incarnationOf(tenant) };
  let fault: unknown;
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, key, { ...checks, requiredClaims: ['exp', 'jti', 'sub', 'act'] });
      const { jti = '', sub = '', exp = 0, act, reason } = payload as typeof payload & SignedActing;
      return { id: jti, user: sub, by: { actor: act.sub, reason }, expiresAt: new Date(exp * 1_000) };
    } catch (error) {
      fault ??= error;
    }
  }
  throw tokenInvalid(tenant, fault);
}

/** The error of a token that cannot be used, which does not tell a caller why. */
export function tokenInvalid({ id }: Tenant, cause?: unknown): TenancyError {
  const message = 'This token cannot be used here: it is used, expired or not for this tenant. Ask for another.';
  return new TenancyError('TOKEN_INVALID', message, { tenant: id, cause });
}

/** The claims that jose does not know, as they were signed. */
interface SignedActing {
  readonly act: { readonly sub: string };
  readonly reason?: string | undefined;
}
