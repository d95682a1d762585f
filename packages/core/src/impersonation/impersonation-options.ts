import { hkdfSync } from 'node:crypto';
import { TenancyError } from '../errors/errors.ts';
import { type OptionNames, unknownOption } from '../errors/unknown-option.ts';

/** A secret of at least 32 bytes. */
export type ImpersonationKey = string | Uint8Array;

/** How operators act as users of tenants. */
export interface ImpersonationOptions {
  /** What tokens are signed with: a secret for nothing else. Of several, the first signs, and all are accepted. */
  readonly key: ImpersonationKey | readonly ImpersonationKey[];
  /** Milliseconds in which a token has to be used: from 1 000 to 600 000. Default 60 000. */
  readonly ttlMs?: number | undefined;
}

/** Options with their defaults, and keys that are derived for this use alone. */
export interface CheckedImpersonation {
  readonly keys: readonly Uint8Array[];
  readonly ttlMs: number;
}

const optionNames: OptionNames<ImpersonationOptions> = { key: true, ttlMs: true };
const shortestKey = 32;

/** @throws CONFIG_INVALID for the first option that is wrong. */
export function checkedImpersonation(options: ImpersonationOptions): CheckedImpersonation {
  if (typeof options !== 'object' || options === null) throw invalid('takes an object of options.');
  const fault = unknownOption(options, optionNames);
  if (fault !== undefined) throw invalid(fault);
  const { key, ttlMs = 60_000 } = options;
  const keys = (Array.isArray(key) ? key : [key]).map(bytesOf);
  if (keys.length === 0 || keys.some((bytes) => bytes === undefined || bytes.length < shortestKey)) {
    throw invalid(`requires a key of at least ${shortestKey} bytes, such as \`openssl rand -base64 32\` prints.`);
  }
  if (!(Number.isSafeInteger(ttlMs) && ttlMs >= 1_000 && ttlMs <= 600_000)) {
    throw invalid('takes a ttlMs from 1000 to 600000.');
  }
  return { keys: (keys as readonly Uint8Array[]).map(derived), ttlMs };
}

/** So that no token is one of the application's sessions, whatever else is signed with the same secret. */
function derived(key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', 'omnitenant-impersonation', 32));
}

function bytesOf(key: unknown): Uint8Array | undefined {
  if (typeof key === 'string') return new TextEncoder().encode(key);
  return key instanceof Uint8Array ? key : undefined;
}

function invalid(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy({ impersonation }) ${fault}`);
}
