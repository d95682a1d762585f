import { type Tenancy, TenancyError } from '@omnitenant/core';
import {
  createAuditing,
  type OptionNames,
  type OutboxMessage,
  type SubscriberState,
  type TenantStore,
  unknownOption,
} from '@omnitenant/core/extend';
import { type Deliveries, deliverTo, type RetryOptions } from './deliver.ts';
import { type CheckedEndpoint, checkedEndpoint, invalid, type WebhookEndpoint } from './endpoint.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { pause } from './pause.ts';

/** The members of the orm that webhooks use. */
export interface WebhooksOrm {
  readonly store: Pick<TenantStore, 'outbox' | 'leases' | 'audit'>;
}

/** Options of webhooks. */
export interface WebhooksOptions {
  readonly tenancy: Pick<Tenancy, 'outside'>;
  readonly orm: WebhooksOrm;
  /** The application's own endpoints. Never take a URL from a tenant. */
  readonly endpoints: readonly WebhookEndpoint[];
  readonly retry?: RetryOptions | undefined;
  /** How long an endpoint may take to answer, in milliseconds. Default: 10 000. */
  readonly timeoutMs?: number | undefined;
  /** After so long another process delivers instead of one that has died, in milliseconds. Longer than `timeoutMs`. Default: 15 000. */
  readonly leaseMs?: number | undefined;
  /** How often central is asked for messages while there are none, in milliseconds. Default: 1000. */
  readonly pollMs?: number | undefined;
  /** Receives errors of central, such as while it is down. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Tells endpoints what happens to tenants. */
export interface Webhooks extends AsyncDisposable {
  /**
   * Registers the endpoints in central, and delivers until `close`; to each endpoint one process at a time does. It is told of changes that begin
   * after the first `start` with it has resolved.
   */
  start(): Promise<void>;
  /**
   * Stops after the messages that are being sent, and after `leaseMs` at the latest, such as where central does not answer. What is left is sent
   * by another process, or after the next start.
   */
  close(): Promise<void>;
  /** How each endpoint that central knows stands, those that are configured no longer included. */
  status(): Promise<readonly SubscriberState[]>;
  /** Streams the messages of an endpoint that were given up, in their order. Rejects with CONFIG_INVALID if there is no such endpoint. */
  dead(endpoint: string): AsyncIterable<OutboxMessage>;
  /**
   * Sends the dead messages of an endpoint again, or the one of an event, and goes on with an endpoint that has answered 410. Returns how many
   * dead messages are sent again. Rejects with CONFIG_INVALID if there is no such endpoint.
   */
  resend(endpoint: string, options?: { readonly event?: string | undefined }): Promise<number>;
  /**
   * Forgets an endpoint that is configured no longer, with the messages that it has not received. Returns whether there was one. Rejects with
   * CONFIG_INVALID for one that is configured here.
   */
  forget(endpoint: string): Promise<boolean>;
}

const pageSize = 100;

/**
 * Creates webhooks of the events that central records for tenants, in the form of Standard Webhooks.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 * @example
 * const webhooks = createWebhooks({
 *   tenancy,
 *   orm,
 *   endpoints: [{ name: 'billing', url: 'https://billing.example.com/hooks', secrets: [secret] }],
 * });
 * await webhooks.start();
 */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const unknown = unknownOption(options, optionNames) ?? unknownOption(options.retry ?? {}, retryNames);
  if (unknown !== undefined) throw new TenancyError('CONFIG_INVALID', `createWebhooks ${unknown}`);
  const { tenancy, orm, leaseMs = 15_000, timeoutMs = 10_000, pollMs = 1_000 } = options;
  if (!tenancy || !orm) throw invalid('requires tenancy, and the orm that its tenants are kept by.');
  const { outbox, leases, audit } = orm.store;
  if (outbox === undefined || leases === undefined)
    throw invalid('requires an orm whose store keeps an outbox, such as that of createOrm() on PostgreSQL.');
  if (!Array.isArray(options.endpoints)) throw invalid('requires endpoints, an array.');
  const endpoints = options.endpoints.map(checkedEndpoint);
  const names = endpoints.map(({ name }) => name);
  if (new Set(names).size < names.length) throw invalid('requires another name for each endpoint.');
  const { attempts = 12, firstMs = 5_000, mostMs = 6 * 3_600_000 } = options.retry ?? {};
  requireNumbers({ attempts, firstMs, mostMs, timeoutMs, leaseMs, pollMs });
  if (leaseMs <= timeoutMs) throw invalid('requires a leaseMs that is longer than timeoutMs.');
  const onError = reportedTo(options.onError ?? console.error);
  const deliveries: Deliveries = { outbox, retry: { attempts, firstMs, mostMs }, timeoutMs, pollMs, onError };
  const auditing = createAuditing(audit, onError);
  const closing = new AbortController();
  let starting: Promise<void> | undefined;
  let delivering: Promise<unknown> | undefined;

  const start = async () => {
    await outbox.subscribe(endpoints);
    if (closing.signal.aborted) return;
    // A lease for each, because processes may have other endpoints, such as during a deployment.
    const deliver = (endpoint: CheckedEndpoint) =>
      oneAtATime({ leases, leaseId: `:webhooks:${endpoint.name}`, leaseMs, onError }, closing.signal, (ending) =>
        deliverTo(endpoint, deliveries, ending),
      );
    delivering = Promise.all(endpoints.map(deliver));
  };

  async function close(): Promise<void> {
    closing.abort();
    const ended = new AbortController();
    const ending = (async () => {
      await starting?.catch(() => {});
      await delivering;
      ended.abort();
    })();
    // From then on another process may deliver in any case.
    await Promise.race([ending, pause(leaseMs, ended.signal)]);
  }

  /** A name that is mistyped has no dead messages, which would be read as good news. */
  const requireEndpoint = async (endpoint: string): Promise<void> => {
    if (names.includes(endpoint) || (await outbox.subscribers()).some(({ name }) => name === endpoint)) return;
    throw invalid(`has no endpoint "${endpoint}", and central knows none of that name.`);
  };

  return {
    // One that has failed can be tried again.
    start: () =>
      (starting ??= tenancy.outside(start).catch((error: unknown) => {
        starting = undefined;
        throw error;
      })),
    close,
    status: () => outbox.subscribers(),

    async *dead(endpoint) {
      await requireEndpoint(endpoint);
      let after = 0;
      for (let more = true; more; ) {
        const page = await outbox.dead(endpoint, { after, limit: pageSize });
        yield* page;
        after = page.at(-1)?.number ?? after;
        more = page.length === pageSize;
      }
    },

    async resend(endpoint, { event } = {}) {
      await requireEndpoint(endpoint);
      return auditing({ verb: 'resend-webhooks', before: () => ({ endpoint, event }) }, () =>
        outbox.resend(endpoint, event),
      );
    },

    async forget(endpoint) {
      if (names.includes(endpoint)) throw invalid(`has "${endpoint}" among its endpoints. Remove it there first.`);
      return auditing({ verb: 'forget-webhooks', before: () => ({ endpoint }) }, () => outbox.unsubscribe(endpoint));
    },

    [Symbol.asyncDispose]: close,
  };
}

/** A receiver of errors that throws would end the deliveries. */
function reportedTo(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      onError(error);
    } catch (own) {
      console.error(error, own);
    }
  };
}

/** The longest time that a timer can wait. */
const mostNumber = 2 ** 31 - 1;

function requireNumbers(numbers: Readonly<Record<string, number>>): void {
  const wrong = Object.keys(numbers).find((name) => {
    const number = numbers[name] as number;
    return !Number.isInteger(number) || number < 1 || number > mostNumber;
  });
  if (wrong !== undefined) throw invalid(`requires a whole number from 1 to ${mostNumber} as ${wrong}.`);
}

const retryNames: OptionNames<RetryOptions> = { attempts: true, firstMs: true, mostMs: true };

const optionNames: OptionNames<WebhooksOptions> = {
  tenancy: true,
  orm: true,
  endpoints: true,
  retry: true,
  timeoutMs: true,
  leaseMs: true,
  pollMs: true,
  onError: true,
};
