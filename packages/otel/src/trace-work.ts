import { isTenancyError } from '@omnitenant/core';
import { redact, type Traced } from '@omnitenant/core/extend';
import { context, type Histogram, type Meter, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { type Ended, follow } from './follow.ts';
import { runIn } from './name-scopes.ts';
import { nameTenant, tenantId } from './name-tenant.ts';
import { type TracedWork, tracedWork } from './traced-work.ts';

interface WorkMessage extends Traced {
  readonly tenant?: string | undefined;
}

/** What was begun, by its message. One message has one span, however many instrumentations there are in the process. */
const begun = new WeakMap<object, { readonly span: Span | undefined; readonly at: number }>();

/** Makes spans and durations of what the packages trace. Returns a function that ends it. */
export function traceWork(tracer: Tracer, meter: Meter, namedTenants: ReadonlySet<string>): () => void {
  const ends = Object.entries(tracedWork).map(([channel, work]) =>
    follow<WorkMessage>(channel, {
      start: (message) => start(tracer, work, message),
      asyncEnd: end(work, histogramOf(meter, work), namedTenants),
    }),
  );
  return () => {
    for (const stop of ends) stop();
  };
}

function start(tracer: Tracer, work: TracedWork, message: WorkMessage): void {
  if (begun.has(message)) return;
  const made = work.span?.(message as never);
  const span = made && tracer.startSpan(made.name, made);
  begun.set(message, { span, at: performance.now() });
  if (span === undefined) return;
  if (message.tenant !== undefined) nameTenant(span, message.tenant);
  runIn(message, trace.setSpan(context.active(), span));
}

function end(work: TracedWork, histogram: Histogram | undefined, namedTenants: ReadonlySet<string>) {
  return (message: WorkMessage & Ended): void => {
    const known = begun.get(message);
    if (known === undefined) return;
    begun.delete(message);
    const { span, at } = known;
    const error = errorOf(message);
    const errorType = error === undefined ? {} : { 'error.type': typeOf(error) };
    if (span !== undefined && error !== undefined) {
      span.setAttributes(errorType);
      span.setStatus({ code: SpanStatusCode.ERROR, message: redact(messageOf(error)) });
    }
    span?.end();
    const { tenant } = message;
    const isNamed = tenant !== undefined && namedTenants.has(tenant);
    histogram?.record((performance.now() - at) / 1_000, {
      ...work.duration?.attributes(message as never),
      ...(isNamed && { [tenantId]: tenant }),
      ...errorType,
    });
  };
}

function histogramOf(meter: Meter, { duration }: TracedWork): Histogram | undefined {
  return duration && meter.createHistogram(duration.name, { description: duration.description, unit: 's', advice });
}

/** Of durations in seconds, as the semantic conventions advise. */
const advice = { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] };

/** The error that the work rejected with, or that a verb of a tenant resolved to. A job that is put back has not failed. */
function errorOf({ error, result }: Ended): unknown {
  const found = error ?? (result as { readonly error?: unknown } | undefined)?.error;
  return found instanceof Error && putBack.has(found.name) ? undefined : found;
}

const putBack: ReadonlySet<string> = new Set([
  'DelayedError',
  'WaitingError',
  'WaitingChildrenError',
  'RateLimitError',
]);

function typeOf(error: unknown): string {
  if (isTenancyError(error)) return error.code;
  return error instanceof Error ? error.name : '_OTHER';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
