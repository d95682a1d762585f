import type { BatchObservableResult, Meter } from '@opentelemetry/api';
import { poolAttributes } from '../traced-work.ts';
import { counter, observe, upDownCounter } from './observe.ts';

/** The members of an orm that are instrumented. */
export interface InstrumentedOrm {
  stats(): {
    readonly servers: Readonly<Record<string, InstrumentedServer>>;
    readonly fleet: { readonly total: number; readonly done: number; readonly failed: number };
  };
}

interface InstrumentedServer {
  readonly max: number;
  readonly inUse: number;
  readonly idle: number;
  readonly waiting: number;
  readonly heldBack: number;
  readonly opened: number;
  readonly closed: number;
  readonly refused: number;
  readonly shareExhausted: number;
  readonly statements: number;
  readonly resent: number;
}

const prefix = 'omnitenant.db.client';

export function observeOrm(meter: Meter, orm: InstrumentedOrm): () => void {
  const made = instruments(meter);
  return observe(meter, made, (result) => {
    const { servers, fleet } = orm.stats();
    for (const [name, stats] of Object.entries(servers)) observeServer(result, made, name, stats);
    const state = (value: string) => ({ 'omnitenant.fleet.state': value });
    result.observe(made.fleet, fleet.total - fleet.done, state('pending'));
    result.observe(made.fleet, fleet.done - fleet.failed, state('done'));
    result.observe(made.fleet, fleet.failed, state('failed'));
  });
}

function instruments(meter: Meter) {
  return {
    count: upDownCounter(meter, 'db.client.connection.count', 'connection', 'Connections, by their state.'),
    max: upDownCounter(meter, 'db.client.connection.max', 'connection', 'The most connections that are allowed.'),
    pending: upDownCounter(meter, 'db.client.connection.pending_requests', 'request', 'Requests that wait.'),
    timeouts: counter(meter, 'db.client.connection.timeouts', 'timeout', 'Requests that got no connection in time.'),
    opened: counter(meter, `${prefix}.connections.opened`, 'connection', 'Connections that were opened.'),
    closed: counter(meter, `${prefix}.connections.closed`, 'connection', 'Connections that were closed.'),
    heldBack: upDownCounter(
      meter,
      `${prefix}.held_back_requests`,
      'request',
      'Requests that wait because their tenant uses its share. They are among those that wait.',
    ),
    shareExhausted: counter(
      meter,
      `${prefix}.share_exhausted`,
      'request',
      'Requests refused because their tenant uses its share. They are among the timeouts.',
    ),
    statements: counter(meter, `${prefix}.statements`, 'statement', 'Statements that were sent.'),
    resent: counter(meter, `${prefix}.resent_reads`, 'statement', 'Reads that were cut and sent again.'),
    fleet: upDownCounter(meter, 'omnitenant.fleet.tenants', 'tenant', 'Tenants of the runs of migrations under way.'),
  };
}

function observeServer(
  result: BatchObservableResult,
  made: ReturnType<typeof instruments>,
  name: string,
  stats: InstrumentedServer,
): void {
  const pool = poolAttributes(name);
  result.observe(made.count, stats.inUse, { ...pool, 'db.client.connection.state': 'used' });
  result.observe(made.count, stats.idle, { ...pool, 'db.client.connection.state': 'idle' });
  result.observe(made.max, stats.max, pool);
  result.observe(made.pending, stats.waiting, pool);
  result.observe(made.timeouts, stats.refused, pool);
  result.observe(made.opened, stats.opened, pool);
  result.observe(made.closed, stats.closed, pool);
  result.observe(made.heldBack, stats.heldBack, pool);
  result.observe(made.shareExhausted, stats.shareExhausted, pool);
  result.observe(made.statements, stats.statements, pool);
  result.observe(made.resent, stats.resent, pool);
}
