import type { ArchiveDigest, Erasure } from '../archive/archive-part.ts';
import { TenancyError } from '../errors/errors.ts';
import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantDraft } from '../models/tenant.ts';
import type { UsageName } from '../models/usage.ts';
import type { MoveTarget } from '../resource.ts';
import { type Acting, currentActing } from '../scope/acting.ts';
import { outside, type Scope } from '../scope/context.ts';

/** The event of each signal. A handler of an `-ing` signal vetoes by throwing; the others report what has happened. */
export interface SignalEvents<T extends Tenant = Tenant> {
  readonly creating: { readonly tenant: TenantDraft<T> };
  readonly created: { readonly tenant: T };
  readonly migrating: { readonly tenant: T };
  readonly migrated: { readonly tenant: T };
  /** Migrations of the tenant are undone. */
  readonly rollingBack: { readonly tenant: T };
  readonly rolledBack: { readonly tenant: T };
  /** Migrations of the tenant are marked as applied or pending, and none is run. */
  readonly faking: { readonly tenant: T };
  readonly faked: { readonly tenant: T };
  readonly removing: { readonly tenant: T };
  readonly removed: { readonly tenant: T };
  /** The tenant's storage is moved. Without a target, a move that was cut short goes on. */
  readonly moving: { readonly tenant: T; readonly target: MoveTarget | undefined };
  readonly moved: { readonly tenant: T };
  readonly repairing: { readonly tenant: T };
  readonly repaired: { readonly tenant: T };
  /** The tenant's data is deleted, and its storage made anew. */
  readonly resetting: { readonly tenant: T };
  readonly reset: { readonly tenant: T };
  /** The tenant's data is replaced by that of an archive. */
  readonly restoring: { readonly tenant: T };
  readonly restored: { readonly tenant: T };
  readonly suspending: { readonly tenant: T };
  readonly suspended: { readonly tenant: T };
  /** The tenant is closed for maintenance. */
  readonly maintaining: { readonly tenant: T };
  readonly maintained: { readonly tenant: T };
  readonly archiving: { readonly tenant: T };
  readonly archived: { readonly tenant: T };
  readonly resuming: { readonly tenant: T };
  readonly resumed: { readonly tenant: T };
  /** The tenant's data is read into an archive, with what identifies people or without. */
  readonly exporting: { readonly tenant: T; readonly anonymised: boolean };
  /** The last byte of an archive was read. What it is known by holds no personal data. */
  readonly exported: { readonly tenant: T; readonly archive: ArchiveDigest; readonly anonymised: boolean };
  /** A tenant is gone after its archive was handed over. The event has nothing else of it. */
  readonly erased: { readonly tenant: { readonly id: string }; readonly erasure: Erasure };
  readonly updating: { readonly tenant: T; readonly change: TenantChange<T> };
  readonly updated: { readonly tenant: T; readonly change: TenantChange<T> };
  readonly domainAdding: { readonly tenant: T; readonly domain: Domain };
  readonly domainAdded: { readonly tenant: T; readonly domain: Domain };
  readonly domainRemoving: { readonly tenant: T; readonly domain: Domain };
  readonly domainRemoved: { readonly tenant: T; readonly domain: Domain };
  /** The tenant has proved a domain, or its record is found again after it was failing: a certificate can be had. */
  readonly domainVerified: { readonly tenant: T; readonly domain: Domain };
  /** The record that proves a domain was missed several times. The domain stays the tenant's. */
  readonly domainUnverified: { readonly tenant: T; readonly domain: Domain };
  /** An operator enters a tenant that is closed, by `run` with `allowClosed`. A handler keeps the record of it, and vetoes if it cannot. */
  readonly enteringClosed: { readonly tenant: T; readonly reason: string | undefined };
  /** An operator enters a tenant, by `run` with `as` or `reason`. A handler keeps the record of it, and vetoes if it cannot. */
  readonly entering: { readonly tenant: T; readonly reason: string | undefined };
  /** An operator asks for a token to act as a user of the tenant. */
  readonly impersonating: { readonly tenant: T; readonly user: string };
  /** The operator, who is `by`, has become the user. */
  readonly impersonated: { readonly tenant: T; readonly user: string };
  /** A tenant has passed one of its limits of a day, as the sum over all processes. Nothing is refused. */
  readonly usageExceeded: {
    readonly tenant: T;
    readonly what: UsageName;
    readonly limit: number;
    readonly used: number;
    readonly day: string;
  };
  /** A step of the tenant's lifecycle failed; the caller's promise rejects with `error`. */
  readonly failed: { readonly tenant: T; readonly error: TenancyError };
  /** A scope was entered; emitted synchronously in that scope. */
  readonly activated: { readonly scope: Scope<T> };
  /** A scope has ended; emitted synchronously in that scope. */
  readonly deactivated: { readonly scope: Scope<T> };
}

/** The name of a signal. */
export type SignalName = keyof SignalEvents;

/** The argument of a handler: the event, and the actor if it is known. */
export type SignalEvent<T extends Tenant, N extends SignalName> = SignalEvents<T>[N] & {
  /** Who acts, and why, where the code that did it ran in `tenancy.as()`. */
  readonly by?: Acting | undefined;
};

/** The signals that are sent before something is done, and that a handler vetoes. */
type BeforeSignal = Extract<SignalName, `${string}ing` | 'rollingBack' | 'enteringClosed'>;

/** The typed events of a tenancy; lifecycle handlers are awaited one after another, outside all scopes. */
export interface Signals<T extends Tenant = Tenant> {
  /** Adds a handler and returns a function that removes it. */
  on<N extends SignalName>(name: N, handler: (event: SignalEvent<T, N>) => void | Promise<void>): () => void;
}

/** Receives errors that reach no caller. */
export type OnError = (
  error: unknown,
  context: { readonly signal?: string | undefined; readonly tenant?: string | undefined },
) => void;

/** The tenancy's side of its signals. */
export interface SignalSender<T extends Tenant> extends Signals<T> {
  /** Calls the handlers of an `-ing` signal; the first that throws vetoes. */
  emitBefore<N extends BeforeSignal>(name: N, event: SignalEvents<T>[N]): Promise<void>;
  /** Calls the handlers of a lifecycle signal; their errors go to `onError`. */
  emit<N extends Exclude<SignalName, BeforeSignal | 'activated' | 'deactivated'>>(
    name: N,
    event: SignalEvents<T>[N],
  ): Promise<void>;
  /** Whether a signal has a handler. */
  hasHandler(name: SignalName): boolean;
  /** Calls the handlers synchronously when a scope was entered or has ended. */
  emitScope(name: 'activated' | 'deactivated', scope: Scope<T>): void;
}

type Handler = (event: never) => void | Promise<void>;

/** The signals of one tenancy. */
export function createSignals<T extends Tenant>(onError: OnError): SignalSender<T> {
  const handlers = new Map<SignalName, readonly Handler[]>();

  const call = (handler: Handler, event: unknown) => handler(event as never);

  /** Reads who acts before the handler is called outside all scopes, where nobody acts. */
  function toldBy<E extends object>(event: E): E & { readonly by?: Acting } {
    const by = currentActing();
    return by === undefined ? event : { ...event, by };
  }

  return {
    on(name, handler) {
      const added: Handler = (event) => handler(event);
      handlers.set(name, [...(handlers.get(name) ?? []), added]);
      return () => {
        handlers.set(
          name,
          (handlers.get(name) ?? []).filter((kept) => kept !== added),
        );
      };
    },

    async emitBefore(name, given) {
      const event = toldBy(given);
      for (const handler of handlers.get(name) ?? []) {
        try {
          await outside(() => call(handler, event));
        } catch (cause) {
          const message = `A handler of the signal "${name}" vetoed the change of tenant "${event.tenant.id}". See the cause.`;
          throw new TenancyError('VETOED', message, { tenant: event.tenant.id, cause });
        }
      }
    },

    async emit(name, given) {
      const event = toldBy(given);
      for (const handler of handlers.get(name) ?? []) {
        try {
          await outside(() => call(handler, event));
        } catch (error) {
          onError(error, { signal: name, tenant: event.tenant.id });
        }
      }
    },

    hasHandler: (name) => (handlers.get(name) ?? []).length > 0,

    emitScope(name, scope) {
      const listening = handlers.get(name);
      if (listening === undefined || listening.length === 0) return;
      const context = { signal: name, tenant: scope.kind === 'tenant' ? scope.tenant.id : undefined };
      for (const handler of listening) {
        try {
          const settled = call(handler, toldBy({ scope }));
          if (settled instanceof Promise) settled.catch((error) => onError(error, context));
        } catch (error) {
          onError(error, context);
        }
      }
    },
  };
}
