import { outside } from '@omnitenant/core';
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';

/** Has `read` called with the instruments whenever metrics are collected. Returns a function that ends it. */
export function observe<Made extends Readonly<Record<string, Observable>>>(
  meter: Meter,
  made: Made,
  read: (result: BatchObservableResult, made: Made) => void | Promise<void>,
): () => void {
  const all = Object.values(made);
  // Whoever collects may do so in a tenant's scope.
  const callback = (result: BatchObservableResult) => outside(() => read(result, made));
  meter.addBatchObservableCallback(callback, all);
  return () => meter.removeBatchObservableCallback(callback, all);
}

/** A number that only grows. */
export function counter(meter: Meter, name: string, unit: string, description: string): Observable {
  return meter.createObservableCounter(name, { unit: `{${unit}}`, description });
}

/** A number that grows and shrinks, and that is summed over processes. */
export function upDownCounter(meter: Meter, name: string, unit: string, description: string): Observable {
  return meter.createObservableUpDownCounter(name, { unit: `{${unit}}`, description });
}

/** A number that every process sees alike, so that it is not summed. */
export function gauge(meter: Meter, name: string, unit: string, description: string): Observable {
  return meter.createObservableGauge(name, { unit: `{${unit}}`, description });
}
