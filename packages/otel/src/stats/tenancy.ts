import type { TenancyStats } from '@omnitenant/core';
import type { Meter } from '@opentelemetry/api';
import { counter, observe, upDownCounter } from './observe.ts';

/** The members of a tenancy that are instrumented. */
export interface InstrumentedTenancy {
  stats(): TenancyStats;
}

export function observeTenancy(meter: Meter, tenancy: InstrumentedTenancy): () => void {
  const made = {
    open: upDownCounter(meter, 'omnitenant.scopes.open', 'scope', 'Scopes that were entered and have not ended.'),
    entered: counter(meter, 'omnitenant.scopes.entered', 'scope', 'Scopes that were entered.'),
    lookups: counter(meter, 'omnitenant.lookups', 'lookup', 'Lookups of tenants, in memory or in the store.'),
    inFlight: upDownCounter(meter, 'omnitenant.lookups.in_flight', 'lookup', 'Tenants that are being looked up.'),
  };
  return observe(meter, made, (result) => {
    const { scopes, lookups } = tenancy.stats();
    result.observe(made.open, scopes.open);
    result.observe(made.entered, scopes.entered);
    result.observe(made.lookups, lookups.hits, { 'omnitenant.lookup.result': 'hit' });
    result.observe(made.lookups, lookups.misses, { 'omnitenant.lookup.result': 'miss' });
    result.observe(made.inFlight, lookups.inFlight);
  });
}
