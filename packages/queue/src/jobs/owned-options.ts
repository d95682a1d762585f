import type { JobsOptions } from 'bullmq';
import type { Owner } from './owner.ts';

/** BullMQ keeps options it does not know, through retries, schedulers and flows; `job.data` stays the application's. */
export interface OwnedOptions extends JobsOptions {
  readonly tenant: Owner;
}

/** The owner in the options of a stored job, or `undefined` if it was not added by this package. */
export function ownerIn(opts: object | undefined): Owner | undefined {
  const owner = (opts as Partial<OwnedOptions> | undefined)?.tenant;
  return typeof owner === 'string' ? owner : undefined;
}

/** Prefixes an id that the application chose, so that two owners may choose the same. */
export function ownId(owner: Owner, id: string): string {
  return isOwnId(owner, id) ? id : `${owner}.${id}`;
}

/** Whether the id has the owner's prefix. */
export function isOwnId(owner: Owner, id: string): boolean {
  return id.startsWith(`${owner}.`);
}

/** The options to add an owner's job with. */
export function ownedOptions<O extends JobsOptions>(owner: Owner, opts: O | undefined): O & OwnedOptions {
  const owned = { ...(opts as O), tenant: owner };
  if (opts?.jobId !== undefined) owned.jobId = ownId(owner, opts.jobId);
  if (opts?.deduplication !== undefined) {
    owned.deduplication = { ...opts.deduplication, id: ownId(owner, opts.deduplication.id) };
  }
  return owned;
}
