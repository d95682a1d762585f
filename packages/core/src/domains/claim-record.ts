import { TenancyError } from '../errors/errors.ts';

/** What the owner of a host publishes to prove it. */
export interface ClaimRecord {
  readonly type: 'TXT';
  readonly name: string;
  readonly value: string;
}

const www = 'www.';

/** The record to ask for. That of `www.acme.com` is the one of `acme.com`, so that one record proves both. */
export function claimRecord(label: string, host: string, value: string): ClaimRecord {
  return { type: 'TXT', name: recordName(label, withoutWww(host)), value };
}

/** Where the proof of a host may be: at its own name, and at the one that is asked for. */
export function recordNames(label: string, host: string): readonly string[] {
  return [...new Set([withoutWww(host), host])].map((each) => recordName(label, each));
}

/** The host that is proved by the same record: `www.acme.com` of `acme.com`, and the reverse. */
export function siblingOf(host: string): string {
  const without = withoutWww(host);
  return without === host ? `${www}${host}` : without;
}

/** @throws DOMAIN_INVALID if no record can have the name. */
export function checkRecordName(label: string, host: string): void {
  if (recordNames(label, host).every((name) => name.length <= 253)) return;
  throw new TenancyError('DOMAIN_INVALID', `The domain "${host}" is too long to be proved by a record of DNS.`);
}

function recordName(label: string, host: string): string {
  return `_${label}-challenge.${host}`;
}

/** Nobody owns the rest of `www.com`. */
function withoutWww(host: string): string {
  const rest = host.startsWith(www) ? host.slice(www.length) : host;
  return rest.includes('.') ? rest : host;
}
