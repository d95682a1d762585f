/** The members of a queue of `@omnitenant/queue` that the control plane uses. */
export interface AdminQueue {
  readonly name: string;
  /** In a tenant's scope, the counts of that tenant's jobs. */
  getJobCounts(): Promise<Record<string, number>>;
}
