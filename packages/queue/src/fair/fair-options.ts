/** How tenants share the workers of a queue. */
export interface FairOptions {
  /** The maximum number of active jobs of one tenant, over all workers of the queue. Default: no limit. */
  readonly concurrency?: number | undefined;
}

/** The limits of a tenant in the form that the scripts read: concurrency, jobs for each window, window in ms, weight. */
export function encodeLimits({ concurrency = 0 }: FairOptions): string {
  return `${concurrency} 0 0 1`;
}
