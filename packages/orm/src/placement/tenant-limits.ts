import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, type OptionNames, unknownOption } from '@omnitenant/core/extend';

/** Limits of one tenant on resources that it shares with others. */
export interface TenantLimits {
  /** The most connections to its server at once. Default: `connections.maxPerTenant`. */
  readonly connections?: number | undefined;
  /** The most statements and transactions that may wait for a connection at once. Default: as many places as it leaves to others. */
  readonly waiting?: number | undefined;
  /** PostgreSQL's settings for each of the tenant's statements. */
  readonly settings?: TenantSettings | undefined;
}

/**
 * The settings of PostgreSQL that a tenant may have. Every statement of the tenant is sent with them, so nothing that the tenant's code
 * sets lasts. Numbers are milliseconds, and kilobytes for `work_mem`.
 */
export interface TenantSettings {
  readonly statement_timeout?: string | number | undefined;
  readonly lock_timeout?: string | number | undefined;
  readonly idle_in_transaction_session_timeout?: string | number | undefined;
  readonly work_mem?: string | number | undefined;
  readonly timezone?: string | undefined;
}

/** What the connections of a server are divided by. */
export interface TenantShare {
  /** The tenant's incarnation, which is counted. */
  readonly key: string;
  readonly tenant: string;
  /** Whether nobody else is in the tenant's database. */
  readonly ownDatabase: boolean;
  readonly connections: number | undefined;
  readonly waiting: number | undefined;
}

/** A tenant's limits, checked. */
export interface CheckedLimits {
  readonly share: TenantShare;
  readonly settings: Readonly<Record<string, string>>;
  /** The limit on its statements, in milliseconds. */
  readonly statementMs: number | undefined;
}

/**
 * Asks the application for a tenant's limits, once for each version of its record.
 *
 * @throws CONFIG_INVALID if they cannot be a tenant's limits.
 */
export function limitsOfTenant<T extends Tenant>(
  limits: ((tenant: T) => TenantLimits | undefined) | undefined,
  tenant: T,
): CheckedLimits {
  const given = limits?.(tenant) ?? {};
  const fault = faultOf(given);
  if (fault !== undefined) {
    const message = `The option limits gives the tenant "${tenant.id}" limits that cannot be: ${fault}`;
    throw new TenancyError('CONFIG_INVALID', message, { tenant: tenant.id });
  }
  const { connections, waiting, settings = {} } = given;
  return {
    share: {
      key: incarnationOf(tenant),
      tenant: tenant.id,
      ownDatabase: tenant.isolation === 'database',
      connections,
      waiting,
    },
    statementMs: millisOf(String(settings.statement_timeout ?? '')),
    settings: Object.fromEntries(
      Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    ),
  };
}

const limitNames: OptionNames<TenantLimits> = { connections: true, waiting: true, settings: true };

/** PostgreSQL rounds microseconds down to none, which is no limit. */
const millis: Units = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const kilobytes: Units = { kB: 1, MB: 1024, GB: 1_048_576, TB: 1_073_741_824 };
const most = 2 ** 31 - 1;

/** What PostgreSQL takes as a value, and how to say it: it would fail each of the tenant's statements over any other. */
const settingForms: Readonly<Record<keyof TenantSettings, readonly [(value: string) => boolean, string]>> = {
  statement_timeout: [isDuration, 'a duration such as "5s", of 24 days at most'],
  lock_timeout: [isDuration, 'a duration such as "5s", of 24 days at most'],
  idle_in_transaction_session_timeout: [isDuration, 'a duration such as "5s", of 24 days at most'],
  work_mem: [isMemory, 'a size from "64kB" to "2047GB", such as "16MB"'],
  timezone: [isTimeZone, 'the name of a time zone such as "Europe/Berlin"'],
};
const settingNames = Object.fromEntries(
  Object.keys(settingForms).map((name) => [name, true]),
) as OptionNames<TenantSettings>;

type Units = Readonly<Record<string, number>>;

/** A duration of PostgreSQL in milliseconds; `undefined` for what is none. */
function millisOf(duration: string): number | undefined {
  return amountOf(duration, millis);
}

/** What has no unit is in the smallest. */
function amountOf(value: string, units: Units): number | undefined {
  const [, digits, unit = ''] = /^(\d+)([a-zA-Z]*)$/.exec(value) ?? [];
  const factor = unit === '' ? 1 : units[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

function isDuration(value: string): boolean {
  const amount = millisOf(value);
  return amount !== undefined && amount <= most;
}

function isMemory(value: string): boolean {
  const amount = amountOf(value, kilobytes);
  return amount !== undefined && amount >= 64 && amount <= most;
}

function isTimeZone(value: string): boolean {
  if (!/^[A-Za-z][\w+/-]*$/.test(value)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) !== undefined;
  } catch {
    return false;
  }
}

function faultOf({ settings = {}, ...given }: TenantLimits): string | undefined {
  const unknown = unknownOption(given, limitNames) ?? unknownOption(settings, settingNames);
  if (unknown !== undefined) return `it ${unknown}`;
  const { connections, waiting } = given;
  if (connections !== undefined && !isCount(connections, 1)) return 'connections must be a whole number from 1.';
  if (waiting !== undefined && !isCount(waiting, 0)) return 'waiting must be a whole number from 0.';
  for (const [name, value] of Object.entries(settings)) {
    const [isOne, words] = settingForms[name as keyof TenantSettings];
    if (value !== undefined && !isOne(String(value))) return `${name} must be ${words}.`;
  }
  return undefined;
}

function isCount(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least;
}
