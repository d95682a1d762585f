import type { Job, Span, Telemetry } from 'bullmq';
import { currentOwner } from '../jobs/owner.ts';
import { tenantOf } from '../jobs/tenant-of.ts';

/** The options with a telemetry whose spans tell of which tenant's scope they were started in. */
export function withTenantSpans<O extends object>(opts: O): O {
  const { telemetry } = opts as { readonly telemetry?: Telemetry };
  if (telemetry === undefined) return opts;
  const tracer: Telemetry['tracer'] = {
    startSpan(...args) {
      const span = telemetry.tracer.startSpan(...args);
      nameTenant(span, { tenant: currentOwner() });
      return span;
    },
  };
  return { ...opts, telemetry: Object.create(telemetry, { tracer: { value: tracer } }) };
}

/** Tells on the span of a job that was processed whose it is. The span is started outside all scopes. */
export function nameTenantOf({ opts }: Pick<Job, 'opts'>, span: Span | undefined): void {
  nameTenant(span, opts);
}

function nameTenant(span: Span | undefined, opts: object): void {
  const tenant = tenantOf({ opts });
  if (tenant !== undefined) span?.setAttribute('tenant.id', tenant);
}
