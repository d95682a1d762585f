import { currentScope } from '@omnitenant/core/extend';
import type { Span } from '@opentelemetry/api';
import { nameTenant } from './name-tenant.ts';

/** A span processor of OpenTelemetry's SDK, by the members that it has. */
export interface TenantSpanProcessor {
  onStart(span: Span): void;
  onEnd(): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * Names the tenant on every span that begins in a tenant's scope, such as those of statements and of calls to other services. It exports
 * nothing: put it before the processor that does.
 * @example
 * new NodeTracerProvider({ spanProcessors: [tenantSpanProcessor(), new BatchSpanProcessor(exporter)] }).register();
 */
export function tenantSpanProcessor(): TenantSpanProcessor {
  return {
    onStart(span) {
      const scope = currentScope();
      if (scope?.kind === 'tenant') nameTenant(span, scope.tenant.id);
    },
    onEnd() {},
    async forceFlush() {},
    async shutdown() {},
  };
}
