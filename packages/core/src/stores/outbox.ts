/** What happens to tenants and their domains, as central records it. */
export const tenantEventTypes = [
  'tenant.created',
  'tenant.updated',
  'tenant.suspended',
  'tenant.maintained',
  'tenant.archived',
  'tenant.resumed',
  'tenant.moved',
  'tenant.removed',
  'domain.added',
  'domain.removed',
] as const;

export type TenantEventType = (typeof tenantEventTypes)[number];

/** Something that has happened to a tenant. It has nothing of the tenant's record. */
export interface TenantEvent {
  /** The same for all subscribers, and each time that it is sent. */
  readonly id: string;
  /** Events that were committed later have larger numbers. */
  readonly number: number;
  readonly type: TenantEventType;
  readonly tenant: string;
  /** The creation of the tenant, by which its incarnation is known. */
  readonly createdAt: Date;
  /** The domain of a `domain.` event. */
  readonly host?: string | undefined;
  readonly at: Date;
}

/** An event that a subscriber has not got yet. */
export interface OutboxMessage extends TenantEvent {
  /** How often it was sent without success. */
  readonly attempts: number;
  /** Why it was not received last. */
  readonly error?: string | undefined;
}

/** Who gets events, and of which types. */
export interface Subscriber {
  readonly name: string;
  readonly types: readonly TenantEventType[];
}

/** How a subscriber stands. */
export interface SubscriberState {
  readonly name: string;
  /** Messages that are still to be sent. */
  readonly waiting: number;
  /** Messages that were given up. */
  readonly dead: number;
  /** When the oldest of those that wait happened. */
  readonly oldestAt?: Date | undefined;
  /** Since when nothing is sent, because the subscriber has refused all messages. */
  readonly disabledAt?: Date | undefined;
}

/**
 * Events for subscribers. Each is written in the transaction of the change that it reports, once for each subscriber, and kept until the
 * subscriber has it or it was given up.
 */
export interface Outbox {
  /** Writes events for these subscribers from now on, for changes that begin after it has resolved. Others stay as they are. */
  subscribe(subscribers: readonly Subscriber[]): Promise<void>;
  /** Forgets a subscriber with its messages. Returns whether there was one. */
  unsubscribe(name: string): Promise<boolean>;
  subscribers(): Promise<readonly SubscriberState[]>;
  /** The messages to send now, in their order: of each tenant the first that waits, and none for a subscriber that is disabled. */
  due(subscriber: string, limit: number): Promise<readonly OutboxMessage[]>;
  /** Forgets a message that was received. */
  delivered(subscriber: string, number: number): Promise<void>;
  /** Counts a failed attempt. The message is due again after `retryMs`; without it, it is dead, and the next one of its tenant can be sent. */
  failed(subscriber: string, number: number, why: { error: string; retryMs: number | undefined }): Promise<void>;
  /** Sends nothing to a subscriber until `resend`. */
  disable(subscriber: string): Promise<void>;
  /** Dead messages in their order. */
  dead(subscriber: string, query: { after: number; limit: number }): Promise<readonly OutboxMessage[]>;
  /** Has dead messages sent again from the first attempt on, all or the one of an event, and enables the subscriber. Returns how many. */
  resend(subscriber: string, event?: string): Promise<number>;
}
