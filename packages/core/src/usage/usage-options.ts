import { TenancyError } from '../errors/errors.ts';
import { type OptionNames, unknownOption } from '../errors/unknown-option.ts';
import type { Tenant } from '../models/tenant.ts';
import { type UsageCounts, type UsageRecord, usageNames } from '../models/usage.ts';

/** Daily limits of a tenant, in UTC. Beyond them, the signal `usageExceeded` is sent. */
export type UsageLimits = Partial<Readonly<UsageCounts>>;

/** How the usage of tenants is counted. */
export interface UsageOptions<T extends Tenant = Tenant> {
  /** Milliseconds between two writes to central. Default: an hour. */
  readonly flushMs?: number | undefined;
  /** Days for which usage is kept in central: up to 36 500. Default 400. */
  readonly keepDays?: number | undefined;
  /** Limits of each tenant, or of one. Nothing is refused: the signal `usageExceeded` is sent once a day for each that is passed. */
  readonly limits?: UsageLimits | ((tenant: T) => UsageLimits | undefined) | undefined;
  /** Receives what this process has counted, after it was written to central. An error goes to `onError`. */
  readonly onUsage?: ((usage: readonly UsageRecord[]) => void | Promise<void>) | undefined;
}

const optionNames: OptionNames<UsageOptions> = { flushMs: true, keepDays: true, limits: true, onUsage: true };
const limitNames = Object.fromEntries(usageNames.map((name) => [name, true])) as OptionNames<UsageLimits>;

/** @throws CONFIG_INVALID for the first option that is wrong. */
export function checkUsageOptions(options: UsageOptions<never>): void {
  if (typeof options !== 'object' || options === null) throw invalid('takes true or an object of options.');
  const { flushMs = 1, keepDays = 1, limits = {}, onUsage = () => {} } = options;
  const fault = unknownOption(options, optionNames) ?? (typeof limits === 'object' ? faultOfLimits(limits) : undefined);
  if (fault !== undefined) throw invalid(fault);
  if (!(Number.isSafeInteger(flushMs) && flushMs > 0 && flushMs < 2 ** 31))
    throw invalid('takes flushMs in milliseconds.');
  if (!(Number.isSafeInteger(keepDays) && keepDays > 0 && keepDays <= mostDays))
    throw invalid(`takes keepDays from 1 to ${mostDays}.`);
  if (typeof onUsage !== 'function') throw invalid('takes an onUsage that is a function.');
  if (typeof limits !== 'object' && typeof limits !== 'function')
    throw invalid('takes limits as an object or a function.');
}

/** A century. */
const mostDays = 36_500;

function faultOfLimits(limits: UsageLimits): string | undefined {
  const fault = unknownOption(limits, limitNames);
  if (fault !== undefined) return `limits ${fault}`;
  const wrong = Object.entries(limits).find(([, limit]) => limit !== undefined && !(limit >= 0));
  return wrong && `takes a limit of "${wrong[0]}" from 0.`;
}

function invalid(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy({ usage }) ${fault}`);
}
