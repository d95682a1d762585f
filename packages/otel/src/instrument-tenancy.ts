import { TenancyError } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';
import { metrics, trace } from '@opentelemetry/api';
import { nameScopes } from './name-scopes.ts';
import { type InstrumentedCache, observeCache } from './stats/cache.ts';
import { type InstrumentedOrm, observeOrm } from './stats/orm.ts';
import { type InstrumentedQueue, observeQueues } from './stats/queue.ts';
import { type InstrumentedTenancy, observeTenancy } from './stats/tenancy.ts';
import { traceWork } from './trace-work.ts';

/** Options of `instrumentTenancy`. */
export interface InstrumentOptions {
  /** The orm, for the metrics of connections, statements and runs of migrations. */
  readonly orm?: InstrumentedOrm | undefined;
  readonly cache?: InstrumentedCache | undefined;
  /** The queues whose jobs are counted. Each collection of the metrics asks their server once for each. */
  readonly queues?: readonly InstrumentedQueue[] | undefined;
  /** Whether the tenant of a scope is in the baggage, and so goes to every service that is called in it. Default: false. */
  readonly baggage?: boolean | undefined;
  /**
   * The ids of the tenants that metrics name, in the attribute `tenant.id` of durations. Name few: each is a series of its own.
   * Default: none.
   */
  readonly tenantsInMetrics?: readonly string[] | undefined;
}

const optionNames: OptionNames<InstrumentOptions> = {
  orm: true,
  cache: true,
  queues: true,
  baggage: true,
  tenantsInMetrics: true,
};

const name = '@omnitenant/otel';

/**
 * Makes metrics and spans of a tenancy, through the providers that are registered with the API of OpenTelemetry, and names the tenant on the span that
 * is active when a scope is entered. Spans are those of the whole process. Returns a function that stops it. @throws CONFIG_INVALID for an
 * unknown option.
 * @example
 * const stop = instrumentTenancy(tenancy, { orm, cache, queues: [emails] });
 */
export function instrumentTenancy(tenancy: InstrumentedTenancy, options: InstrumentOptions = {}): () => void {
  const fault = unknownOption(options, optionNames);
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', `instrumentTenancy() ${fault}`);
  const { orm, cache, queues = [], baggage = false, tenantsInMetrics = [] } = options;
  if (orm && !orm.stats().servers) {
    const message =
      'instrumentTenancy() counts connections of PostgreSQL: its option orm takes what createOrm() returns. Leave it out.';
    throw new TenancyError('CONFIG_INVALID', message);
  }
  const meter = metrics.getMeter(name);
  const ends = [
    observeTenancy(meter, tenancy),
    orm && observeOrm(meter, orm),
    cache && observeCache(meter, cache),
    queues.length > 0 && observeQueues(meter, queues),
    nameScopes(baggage),
    traceWork(trace.getTracer(name), meter, new Set(tenantsInMetrics)),
  ];
  return () => {
    for (const end of ends) if (end) end();
  };
}
