import type { Span } from '@opentelemetry/api';

/** The attribute that names a tenant. */
export const tenantId = 'tenant.id';

/** The tenants that spans name. */
const named = new WeakMap<Span, string>();

/**
 * Names the tenant on a span. One that visits several tenants names the first; the others are events on it, so that it claims no
 * tenant's work for another.
 */
export function nameTenant(span: Span, tenant: string): void {
  const first = named.get(span);
  if (first === undefined) {
    named.set(span, tenant);
    span.setAttribute(tenantId, tenant);
  } else if (first !== tenant) {
    span.addEvent('tenant entered', { [tenantId]: tenant });
  }
}
