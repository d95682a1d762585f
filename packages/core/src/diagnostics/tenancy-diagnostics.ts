import { publisher, tracer } from './diagnostics.ts';

/** Messages of core, by the name of the channel in `node:diagnostics_channel`. Without a listener they cost nothing. */
export interface TenancyDiagnostics {
  /** Creating, migrating, repairing, resetting, restoring or removing a tenant failed. */
  'omnitenant:tenant-failed': { readonly tenant: string; readonly code: string; readonly message: string };
  /** The changes of tenants could not be read. What is remembered is trusted for a while. */
  'omnitenant:feed-unreadable': { readonly message: string };
}

/** Traced operations of core, by the name of the tracing channel in `node:diagnostics_channel`. */
export interface TenancyTraces {
  /** A scope, from entering it until its function has settled and its handles are closed; without a tenant it is central. */
  'omnitenant:scope': { readonly tenant: string | undefined };
  /** A lookup of a tenant in the store, by id or by host. Lookups that are answered out of memory are not told. */
  'omnitenant:lookup': { readonly by: 'id' | 'host'; readonly name: string };
  /** A verb that has a tenant to itself, with its wait for others. */
  'omnitenant:verb': { readonly tenant: string; readonly verb: string };
  /** A step of creating, repairing, resetting or restoring a tenant, such as `orm.create`. */
  'omnitenant:step': { readonly tenant: string; readonly step: string };
}

export const publish: ReturnType<typeof publisher<TenancyDiagnostics>> = publisher();

export const trace: ReturnType<typeof tracer<TenancyTraces>> = tracer();
