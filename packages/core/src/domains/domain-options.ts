import { Resolver } from 'node:dns/promises';
import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';
import { type OptionNames, unknownOption } from '../errors/unknown-option.ts';
import type { ProofRules } from '../lifecycle/domain-rules.ts';
import { normalHost } from '../models/domain.ts';

/** How tenants prove that domains are their own. */
export interface DomainOptions {
  /**
   * Names the application in the record that customers publish: with `shop` it is `_shop-challenge.acme.com`. Lower-case letters, digits
   * and inner hyphens, up to 40. Default `omnitenant`.
   */
  readonly label?: string | undefined;
  /** Whether a tenant gets a domain by proof only. Default: true. Without, `create` and `addDomain` give it any. */
  readonly required?: boolean | undefined;
  /** The application's own zones, such as `app.com`: hosts in them need no proof, and nobody can claim one. Default: none. */
  readonly ownZones?: readonly string[] | undefined;
  /** Days for which no other tenant gets a host that a tenant had: from 0 to 365. Default 30. */
  readonly coolingOffDays?: number | undefined;
  /** Milliseconds between two checks of a domain that was proved. Default: a day. */
  readonly recheckMs?: number | undefined;
  /** How many checks in a row may miss the record before the domain is `failing`. Default 3. */
  readonly maxMissed?: number | undefined;
  /** The DNS servers to ask, such as `1.1.1.1` or `127.0.0.1:5353`. Default: those of the machine. */
  readonly servers?: readonly string[] | undefined;
  /** Milliseconds to wait for a server's answer, twice. Default 5 000. */
  readonly timeoutMs?: number | undefined;
}

/** Options with their defaults. */
export interface CheckedDomains extends ProofRules {
  readonly label: string;
  readonly recheckMs: number;
  readonly maxMissed: number;
  readonly servers: readonly string[];
  readonly timeoutMs: number;
}

const optionNames: OptionNames<DomainOptions> = {
  label: true,
  required: true,
  ownZones: true,
  coolingOffDays: true,
  recheckMs: true,
  maxMissed: true,
  servers: true,
  timeoutMs: true,
};

const dayMs = 86_400_000;

/** @throws CONFIG_INVALID for the first option that is wrong. */
export function checkedDomains(options: DomainOptions | undefined): CheckedDomains | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null) throw invalid('takes an object of options.');
  const fault = unknownOption(options, optionNames);
  if (fault !== undefined) throw invalid(fault);
  const { label = 'omnitenant', required = true, ownZones = [], servers = [] } = options;
  const { coolingOffDays = 30, recheckMs = dayMs, maxMissed = 3, timeoutMs = 5_000 } = options;
  if (typeof label !== 'string' || !/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(label)) {
    throw invalid('takes a label of lower-case letters, digits and inner hyphens.');
  }
  if (typeof required !== 'boolean') throw invalid('takes required as true or false.');
  if (!Array.isArray(ownZones)) throw invalid('takes ownZones as an array of host names.');
  if (!areServers(servers)) {
    throw invalid('takes servers as addresses, such as "1.1.1.1" or "[::1]:53".');
  }
  checkNumber('coolingOffDays', coolingOffDays, { from: 0, to: 365 });
  checkNumber('recheckMs', recheckMs, { from: 1, to: 365 * dayMs });
  checkNumber('maxMissed', maxMissed, { from: 1, to: 1_000 });
  checkNumber('timeoutMs', timeoutMs, { from: 1, to: 60_000 });
  return {
    label,
    required,
    ownZones: ownZones.map(zoneOf),
    coolingOffMs: coolingOffDays * dayMs,
    recheckMs,
    maxMissed,
    servers: [...servers],
    timeoutMs,
  };
}

function checkNumber(name: string, value: unknown, { from, to }: { readonly from: number; readonly to: number }): void {
  if (Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to) return;
  throw invalid(`takes ${name} from ${from} to ${to}.`);
}

function zoneOf(zone: unknown): string {
  const host = typeof zone === 'string' ? normalHost(zone) : undefined;
  if (host !== undefined) return host;
  throw invalid(`takes ownZones as host names, and ${quoted(zone)} is not one.`);
}

function areServers(servers: unknown): boolean {
  try {
    new Resolver().setServers(servers as readonly string[]);
    return true;
  } catch {
    return false;
  }
}

function invalid(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy({ domains }) ${fault}`);
}
