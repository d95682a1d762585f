import type { TenancyTraces } from '@omnitenant/core';
import type { Traced } from '@omnitenant/core/extend';
import { type Context, context, propagation, trace } from '@opentelemetry/api';
import { follow } from './follow.ts';
import { nameTenant, tenantId } from './name-tenant.ts';

type ScopeMessage = TenancyTraces['omnitenant:scope'] & Traced;

/** Names the tenant of each scope on the active span, and in the baggage if asked. */
export function nameScopes(inBaggage: boolean): () => void {
  return follow<ScopeMessage>('omnitenant:scope', {
    start(message) {
      const { tenant } = message;
      const span = trace.getActiveSpan();
      if (span !== undefined && tenant !== undefined) nameTenant(span, tenant);
      if (inBaggage) runIn(message, withBaggage(context.active(), tenant));
    },
  });
}

/** Has the traced work run in a context, within those that other listeners have chosen. */
export function runIn(message: Traced, chosen: Context): void {
  const { around } = message;
  message.around = (work) => context.with(chosen, () => (around === undefined ? work() : around(work)));
}

/** In central there is no tenant, also where a tenant's scope is around it. */
function withBaggage(active: Context, tenant: string | undefined): Context {
  const baggage = propagation.getBaggage(active) ?? propagation.createBaggage();
  return propagation.setBaggage(
    active,
    tenant === undefined ? baggage.removeEntry(tenantId) : baggage.setEntry(tenantId, { value: tenant }),
  );
}
