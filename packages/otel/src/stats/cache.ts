import type { Meter } from '@opentelemetry/api';
import { counter, observe, upDownCounter } from './observe.ts';

/** The members of a cache that are instrumented. */
export interface InstrumentedCache {
  stats(): {
    readonly hits: number;
    readonly misses: number;
    readonly errors: number;
    readonly builds: number;
    readonly building: number;
  };
}

export function observeCache(meter: Meter, cache: InstrumentedCache): () => void {
  const made = {
    reads: counter(meter, 'omnitenant.cache.reads', 'read', 'Values that were asked for.'),
    errors: counter(meter, 'omnitenant.cache.errors', 'error', 'Failures of Redis.'),
    builds: counter(meter, 'omnitenant.cache.builds', 'build', 'Values that were built.'),
    building: upDownCounter(meter, 'omnitenant.cache.building', 'build', 'Values that are being built.'),
  };
  return observe(meter, made, (result) => {
    const { hits, misses, errors, builds, building } = cache.stats();
    result.observe(made.reads, hits, { 'omnitenant.cache.result': 'hit' });
    result.observe(made.reads, misses, { 'omnitenant.cache.result': 'miss' });
    result.observe(made.errors, errors);
    result.observe(made.builds, builds);
    result.observe(made.building, building);
  });
}
