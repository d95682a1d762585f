/** The jobs of a queue, of all tenants, by their states. */
export interface QueueStats {
  readonly waiting: number;
  readonly prioritized: number;
  readonly delayed: number;
  readonly active: number;
  readonly waitingChildren: number;
  readonly completed: number;
  readonly failed: number;
  /** Jobs among the waiting and prioritized ones that may not start yet, as their tenant is at a limit of `fair`, or paused. */
  readonly heldBack: number;
}

/** BullMQ's counts as stats. */
export function queueStats(counts: Readonly<Record<string, number>>, heldBack: number): QueueStats {
  const count = (state: string) => counts[state] ?? 0;
  return {
    waiting: count('waiting'),
    prioritized: count('prioritized'),
    delayed: count('delayed'),
    active: count('active'),
    waitingChildren: count('waiting-children'),
    completed: count('completed'),
    failed: count('failed'),
    heldBack,
  };
}
