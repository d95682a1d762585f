import { instrumentTenancy } from '@omnitenant/otel';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Shop } from './shop.ts';

/** The metrics of a shop, for Prometheus. */
export interface Telemetry {
  /** What Prometheus reads. */
  scrape(): Promise<string>;
  stop(): Promise<void>;
}

/** `namedTenants` are the few whose durations are series of their own. */
export function startTelemetry(
  { tenancy, orm, cache, receipts }: Shop,
  namedTenants: readonly string[] = [],
): Telemetry {
  // The application's own server answers, and no second one.
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);
  const stop = instrumentTenancy(tenancy, { orm, cache, queues: [receipts], tenantsInMetrics: namedTenants });
  const serializer = new PrometheusSerializer();
  return {
    scrape: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
    async stop() {
      stop();
      await provider.shutdown();
      metrics.disable();
    },
  };
}
