import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';

/** Fields that a listener of the start may add to each message of a tracing channel. */
export interface Traced {
  /** Runs the work, such as in a context of the listener's. A second listener calls the first one's in its own. */
  around?: (<R>(work: () => R) => R) | undefined;
}

/**
 * Publishes on the channels of `node:diagnostics_channel` that `Events` names. The message is created only if there is a listener.
 */
export function publisher<Events extends object>(): <Name extends keyof Events & string>(
  name: Name,
  message: () => Events[Name],
) => void {
  const channelOf = byName<Channel>(channel);
  return (name, message) => {
    const published = channelOf(name);
    if (published.hasSubscribers) published.publish(message());
  };
}

/**
 * Runs work under the tracing channels that `Traces` names, which publish its start, its end and its error. Without a listener it only runs the work.
 */
export function tracer<Traces extends object>(): <Name extends keyof Traces & string, R>(
  name: Name,
  message: () => Traces[Name],
  work: () => Promise<R>,
) => Promise<R> {
  const channelOf = byName<TracingChannel<object, object>>(tracingChannel);
  return (name, message, work) => {
    const traced = channelOf(name);
    if (!traced.hasSubscribers) return work();
    const told: Traced = message() as Traced;
    return traced.tracePromise(() => (told.around === undefined ? work() : told.around(work)), told);
  };
}

/** Node looks a channel up each time that it is asked for. */
function byName<Found>(find: (name: string) => Found): (name: string) => Found {
  const known = new Map<string, Found>();
  return (name) => {
    const found = known.get(name) ?? find(name);
    known.set(name, found);
    return found;
  };
}
