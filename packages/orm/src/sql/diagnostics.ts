import { publisher, tracer } from '@omnitenant/core/extend';

/** Messages of the orm, by the name of the channel in `node:diagnostics_channel`. Without a listener they cost nothing. */
export interface OrmDiagnostics {
  /** A request got no connection, or lost it. */
  'omnitenant:orm:refused': {
    readonly code: string;
    readonly server: string;
    readonly database: string;
    readonly tenant: string | undefined;
    readonly message: string;
  };
  /** The last connection to a database was closed: it was idle, others needed it, or the database is dropped. */
  'omnitenant:orm:pool-closed': { readonly server: string; readonly database: string };
  /** A template for new tenants' databases was dropped: its migrations are others, or whoever made it did not finish. */
  'omnitenant:orm:template-dropped': {
    readonly server: string;
    readonly database: string;
    readonly reason: 'outdated' | 'unfinished';
  };
}

/** Traced operations of the orm, by the name of the tracing channel in `node:diagnostics_channel`. */
export interface OrmTraces {
  /** A request waits: for its tenant's share of the connections, or for a connection. */
  'omnitenant:orm:wait': {
    readonly for: 'share' | 'connection';
    readonly server: string;
    readonly database: string;
    readonly tenant: string | undefined;
  };
  /** A plain read was cut, as others waited behind it, and is sent again by itself. */
  'omnitenant:orm:resend': { readonly schema: string; readonly tenant: string | undefined };
  /** Migrations are applied or undone in a tenant; without one, in central. */
  'omnitenant:orm:migrate': {
    readonly server: string;
    readonly database: string;
    readonly schema: string;
    readonly tenant: string | undefined;
  };
}

export const publish: ReturnType<typeof publisher<OrmDiagnostics>> = publisher();

export const trace: ReturnType<typeof tracer<OrmTraces>> = tracer();
