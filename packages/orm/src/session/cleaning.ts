import type { Envelope, Enveloped, TransactionStatus } from '../sql/client.ts';

/**
 * Ends everything that a session can hold: settings, roles, temporary tables, prepared statements, cursors, locks, listeners, the
 * last values of sequences. It must be the first statement of its transaction.
 */
export const discardAll = 'discard all';

/** Ends an open transaction and everything in the session: for a connection before somebody else gets it. */
export const cleaning: Enveloped = {
  text: discardAll,
  envelope: (status: TransactionStatus): Envelope => (isOpen(status) ? rollBackFirst : nothingAround),
};

/** Whether a transaction is open, be it a failed one. */
export function isOpen(status: TransactionStatus): boolean {
  return status === 'T' || status === 'E';
}

const rollBackFirst: Envelope = { before: ['rollback'], after: [], leavesNothing: true };
const nothingAround: Envelope = { before: [], after: [], leavesNothing: true };
