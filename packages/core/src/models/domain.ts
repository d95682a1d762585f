import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';

/** A host name of a tenant. */
export interface Domain {
  readonly host: string;
  readonly tenantId: string;
  readonly primary: boolean;
}

const ascii = /^[a-z0-9.-]+$/;
const unfit = /[\p{Cc}\s%/\\@:?#[\]<>^|"'*,]/u;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The value as a tenant's domain: a lower-case ASCII host name of at least two labels; IDNA is applied.
 * @throws DOMAIN_INVALID for an address, a port, a trailing dot, a wildcard and anything else that is not a DNS name.
 */
export function parseDomain(value: unknown): string {
  const host = typeof value === 'string' ? normalHost(value) : undefined;
  if (host !== undefined && isDomain(host)) return host;
  throw new TenancyError(
    'DOMAIN_INVALID',
    `${quoted(value)} is not a domain; use a host name such as "shop.example.com", without a port or a trailing dot.`,
  );
}

/**
 * The host in the value of a Host header, or `undefined` if there is none: lower-case, IDNA applied, without the port
 * and one trailing dot. An address (`127.0.0.1`, `[::1]`) may be a public host, and is never a tenant's domain.
 */
export function hostFromHeader(raw: string | undefined): string | undefined {
  if (raw === undefined) return undefined;
  if (raw.length < 64 && usual.test(raw)) return raw;
  const host = raw.replace(/:\d{0,5}$/, '');
  if (raw.startsWith('[')) return normalHost(raw.endsWith(']') ? raw : host);
  return normalHost(host.endsWith('.') ? host.slice(0, -1) : host);
}

/** The usual Host header, which needs no normalising: a short lower-case name of several labels. */
const usual = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]+$/;

/** Whether a normalised host can be a tenant's domain: a name of two or more labels, not an address. */
export function isDomain(host: string): boolean {
  return host.includes('.') && !isIPv4(host) && !host.startsWith('[');
}

/** The normalised host, or `undefined` if it is not one: a name of any number of labels or an address, without a port. */
export function normalHost(text: string): string | undefined {
  if (text.length === 0 || text.length > 253) return undefined;
  if (text.startsWith('[')) return normalIPv6(text);
  if (isIPv4(text)) return text;
  if (unfit.test(text)) return undefined;
  const lower = text.toLowerCase();
  const host = ascii.test(lower) ? lower : domainToASCII(lower);
  return isName(host) ? host : undefined;
}

function isName(host: string): boolean {
  if (host.length > 253) return false;
  const labels = host.split('.');
  // URL parsers read a name whose last label is a number as an address: `0x7f.1` is 127.0.0.1.
  return labels.every((part) => label.test(part)) && !/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '');
}

function normalIPv6(text: string): string | undefined {
  return text.endsWith(']') && isIPv6(text.slice(1, -1)) && !text.includes('%')
    ? new URL(`http://${text}`).hostname
    : undefined;
}
