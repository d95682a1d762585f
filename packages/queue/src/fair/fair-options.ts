import { TenancyError, type Tenant } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';

/** At most `max` jobs are started in each window. */
export interface Rate {
  readonly max: number;
  readonly durationMs: number;
}

/** How tenants share the workers of a queue. A function gives each tenant its own value, by its plan for example. */
export interface FairOptions {
  /** The maximum number of active jobs of one tenant, over all workers of the queue. Default: no limit. */
  readonly concurrency?: number | ((tenant: Tenant) => number | undefined) | undefined;
  /** The maximum number of jobs of one tenant that are started in a window, over all workers of the queue. Default: no limit. */
  readonly rate?: Rate | ((tenant: Tenant) => Rate | undefined) | undefined;
  /** How many jobs a tenant starts in the time in which others start one. Default 1. */
  readonly weight?: ((tenant: Tenant) => number | undefined) | undefined;
}

/**
 * The limits of all tenants in the form that the scripts read: concurrency, jobs for each window, window in ms, weight. Empty if
 * each tenant has its own.
 * @throws CONFIG_INVALID.
 */
export function limitsOfAll(options: FairOptions): string {
  const unknown = unknownOption(options, optionNames);
  if (unknown !== undefined) throw new TenancyError('CONFIG_INVALID', `The option "fair" ${unknown}`);
  const { concurrency, rate, weight } = options;
  if (typeof concurrency === 'function' || typeof rate === 'function' || weight !== undefined) return '';
  return encode(concurrency, rate);
}

/**
 * The limits of a tenant in that form.
 * @throws CONFIG_INVALID.
 */
export function limitsOf({ concurrency, rate, weight }: FairOptions, tenant: Tenant): string {
  return encode(
    typeof concurrency === 'function' ? concurrency(tenant) : concurrency,
    typeof rate === 'function' ? rate(tenant) : rate,
    weight?.(tenant),
  );
}

const optionNames: OptionNames<FairOptions> = { concurrency: true, rate: true, weight: true };

function encode(concurrency: number | undefined, rate: Rate | undefined, weight = 1): string {
  const given = { concurrency, 'rate.max': rate?.max, 'rate.durationMs': rate?.durationMs, weight };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (value > 0 && Number.isFinite(value))) continue;
    throw new TenancyError('CONFIG_INVALID', `The option "fair.${name}" is ${value}; give a number above 0.`);
  }
  return `${concurrency ?? 0} ${rate?.max ?? 0} ${rate?.durationMs ?? 0} ${weight}`;
}
